"""Methods of walking: names mean these functions, and the configuration offers no other."""

from molflow.config import SampleConfig
from molflow.config.key import keys
from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.samplers import heun_step
from molflow.sampling.methods import METHODS


def test_a_sampling_may_choose_each_of_the_methods_and_auto():
    assert set(keys(SampleConfig)["method"].choices) == {"auto", *METHODS}


def test_names_of_methods_mean_these_functions():
    steps = {name: way.make(None, 1.0) for name, way in METHODS.items()}
    assert steps.pop("renoised").__qualname__.startswith("renoised")
    assert steps.pop("euler_ancestral").__qualname__.startswith("renoised")
    assert steps == {"euler": euler_step, "heun": heun_step, "flow_map": flow_map}
    evaluations = {name: way.evaluations(4) for name, way in METHODS.items()}
    one_each = dict.fromkeys(("euler", "flow_map", "renoised", "euler_ancestral"), 4)
    assert evaluations == {"heun": 7} | one_each
