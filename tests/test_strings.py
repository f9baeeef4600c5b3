"""Sampling strings of tokens: the same whatever the batch, prompts kept, guided, ended."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from molflow.chem.constraints import Constraint
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.generator import Generator
from molflow.guidance.guides import Guide
from molflow.guidance.kinds import GUIDES
from molflow.guidance.steer import guide
from molflow.loading import load
from molflow.model.checkpoint import save_model
from molflow.model.model import Model
from molflow.model.spec import ModelSpec
from molflow.samples import Samples
from molflow.sampling import sampler
from molflow.sampling.methods import METHODS
from molflow.sampling.walk import Route

LETTERS = tuple(" abcdefg")
TOKENS = ("(", ")", "=", "C", "Cl", "N", "O")
LENGTH = 6
FIXED = (0.0,) * LENGTH + (1.0,)
SHORT = (0.0, 0.0, 0.25, 0.25, 0.5)


class InDouble(nn.Module):
    """The network in float64, whatever it is given."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return self.net(x.to(torch.float64), s.double(), t.double())


@pytest.fixture(scope="module")
def make(fresh, perturbed):
    """A model that was never trained, off zero and in float64."""

    def generator(spec: ModelSpec) -> Generator:
        net = perturbed(fresh(spec), seed=3)
        # Else one symbol is the likeliest everywhere, or one at every place.
        nn.init.zeros_(net.tokens_out.bias)
        nn.init.zeros_(net.position)
        return Generator(InDouble(net), spec)

    return generator


@pytest.fixture(scope="module")
def writer(make, token_spec) -> Generator:
    """Of texts of six characters."""
    return make(token_spec(LETTERS, "characters", FIXED, flow_map=True, shown=0.5))


@pytest.fixture(scope="module")
def ended(make, token_spec) -> Generator:
    """Of texts of six characters at most."""
    return make(token_spec(LETTERS, "characters", FIXED, end=True))


@pytest.fixture(scope="module")
def chemist(make, token_spec) -> Generator:
    """Of SMILES of two to four tokens."""
    return make(token_spec(TOKENS, "smiles", SHORT, flow_map=True))


@pytest.fixture(params=["writer", "ended", "chemist"])
def model(request: pytest.FixtureRequest) -> Generator:
    return request.getfixturevalue(request.param)


class Letters:
    """A scorer of texts: how often a letter is in them. It keeps what it is asked."""

    def __init__(self, letter: str) -> None:
        self.letter, self.names = letter, (letter,)
        self.asked: list[str] = []

    def score_many(self, subjects):
        from molflow.chem.aggregation import Scored

        self.asked += subjects
        values = [float(text.count(self.letter)) for text in subjects]
        return [Scored(value, (value,), (value,), None) for value in values]

    def describe(self) -> str:
        return self.letter

    def close(self) -> None:
        pass


def toward(letter: str, method: str) -> Guide:
    more = {"draws": 4} if hasattr(GUIDES[method], "draws") else {"particles": 4}
    return guide(method, Letters(letter), invalid=-1.0, **more)


STRING_GUIDES = [name for name in GUIDES if name != "surrogate"]


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_the_batch_size_changes_no_string(model: Generator, batch_size: int):
    nine = model.sample(9, Route(3, temperature=1.0)).texts
    assert len(set(nine)) > 6
    assert replace(model, batch_size=batch_size).sample(9, Route(3, temperature=1.0)).texts == nine
    assert model.sample(5, Route(3, temperature=1.0)).texts == nine[:5]


@pytest.mark.parametrize("method", STRING_GUIDES)
def test_the_batch_size_changes_no_guided_string(writer: Generator, method: str):
    whole = writer.sample(5, 3, guide=toward("g", method)).texts
    assert replace(writer, batch_size=8).sample(5, 3, guide=toward("g", method)).texts == whole


def test_every_text_has_the_length_of_the_training_and_lengths_of_smiles_follow_their_law(
    writer: Generator, chemist: Generator
):
    assert {len(text) for text in writer.sample(20, Route(2, temperature=1.0)).texts} == {LENGTH}
    made = chemist.sample(200, Route(1, temperature=1.0))
    lengths = [len(chemist.spec.vocabulary.encode(text)) for text in made.texts]
    # Four standard deviations of a count of 200 with probability 1/2.
    assert abs(lengths.count(4) - 100) < 4 * math.sqrt(200 / 4)
    assert min(lengths) == 2


def test_an_end_symbol_makes_texts_shorter_and_is_never_seen(ended: Generator):
    lengths = {len(text) for text in ended.sample(100, Route(2, temperature=1.0)).texts}
    assert min(lengths) < LENGTH
    assert max(lengths) <= LENGTH


def test_a_temperature_of_0_takes_the_likeliest_and_a_higher_one_makes_more(writer: Generator):
    sure, drawn, wild = (
        writer.sample(60, Route(4, "euler", temperature=t)).texts for t in (0.0, 1.0, 20.0)
    )
    assert sure == writer.sample(60, 4, "euler").texts
    assert sure != drawn
    assert len({c for text in wild for c in text}) == len(LETTERS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_prompt_is_kept_by_every_method(writer: Generator, method: str, temperature: float):
    made = writer.sample(12, Route(3, method, temperature=temperature), constraint="_ad_b")
    assert {(text[1:3], text[4], len(text)) for text in made.texts} == {("ad", "b", LENGTH)}
    assert made.kept == [True] * 12
    assert len(set(made.texts)) > 1


@pytest.mark.parametrize("method", STRING_GUIDES)
def test_a_prompt_is_kept_by_every_guide(writer: Generator, method: str):
    made = writer.sample(6, 3, guide=toward("g", method), constraint="_gd_b")
    assert {(text[1:3], text[4]) for text in made.texts} == {("gd", "b")}


def test_a_prompt_that_is_cut_off_by_an_end_is_not_kept(ended: Generator):
    made = ended.sample(100, Route(2, temperature=1.0), constraint="___a")
    assert made.kept == [len(text) > 3 and text[3] == "a" for text in made.texts]
    assert set(made.kept) == {True, False}


def test_smiles_have_room_for_their_prompt(chemist: Generator):
    made = chemist.sample(20, Route(2, temperature=1.0), constraint="C(Cl")
    assert {text[:4] for text in made.texts} == {"C(Cl"}
    lengths = {len(chemist.spec.vocabulary.encode(text)) for text in made.texts}
    assert lengths == {3, 4}


@pytest.mark.parametrize("method", STRING_GUIDES)
def test_every_guide_leads_texts_to_what_a_function_wants(writer: Generator, method: str):
    free = Counter("".join(writer.sample(40, 4, "flow_map").texts))
    letter = min(free, key=free.__getitem__)
    asked = toward(letter, method)
    walk = "flow_map" if GUIDES[method].noise is None else "auto"
    made = writer.sample(40, 4, walk, guide=asked)
    assert "".join(made.texts).count(letter) > free[letter]
    assert made.steering.calls == len(asked.scorer.asked) == len(set(asked.scorer.asked))


@pytest.mark.parametrize("method", STRING_GUIDES)
def test_every_guide_leads_smiles_to_an_objective(chemist: Generator, method: str):
    more = {"draws": 4} if hasattr(GUIDES[method], "draws") else {"particles": 8}
    asked, opposite = (guide(method, f"logp:{way}", **more) for way in ("max", "min"))

    def worth(texts: Samples) -> float:
        """Of all attempts in the mean; what is invalid is worth less than any molecule."""
        mols = [mol for mol in texts.molecules if mol is not None]
        scores = [scored.total for scored in asked.scorer.score_many(mols)]
        return (sum(scores) + (len(texts) - len(mols)) * asked.invalid) / len(texts)

    free, made = chemist.sample(30, 3), chemist.sample(30, 3, guide=asked)
    assert made.metrics()["strict_valid"] >= free.metrics()["strict_valid"]
    assert made.texts != free.texts
    assert all(one.mol is not None for one in made.checked if one.reason is None)
    assert worth(made) > worth(free) + 0.05
    # Any guide gains validity: the direction is what the objective gave.
    assert worth(made) > worth(chemist.sample(30, 3, guide=opposite))


def test_molecules_of_smiles_are_read_and_graphs_are_not_there(chemist: Generator):
    made = chemist.sample(40, Route(3, temperature=1.0))
    valid = [mol for mol in made.molecules if mol is not None]
    assert 0 < len(valid) < 40
    assert len(made.smiles) == len(made.texts) == 40
    with pytest.raises(InputError, match=r"no graphs: samples\.texts has them"):
        made.graphs  # noqa: B018


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"constraint": "a!"}, "prompt='a!': column 2: '!' is not in the vocabulary"),
        ({"constraint": "a" * 7}, "prompt='aaaaaaa': 7 positions, and the model has 6"),
        ({"constraint": Constraint(atoms=3)}, "atoms=3: only for models of graphs"),
        ({"constraint": Constraint(scaffold="CC")}, "scaffold='CC': only for models of graphs"),
        ({"condition": {"qed": 1.0}}, "condition: 'qed': this model was trained without any"),
        ({"guide": guide("best_of", "qed:max")}, "qed:max: of molecules, and this model writes"),
    ],
)
def test_what_a_model_of_texts_cannot_do_is_said(writer: Generator, asked, message):
    with pytest.raises(InputError) as error:
        writer.sample(2, 2, **asked)
    assert str(error.value).startswith(message)


def test_a_surrogate_of_strings_is_refused_before_any_work(chemist: Generator):
    # The training molecules of this model are not here: to look for them would be told.
    with pytest.raises(
        InputError, match=r"^guidance=surrogate: reads graphs, and this model makes"
    ):
        chemist.sample(2, steps=2, guide=guide("surrogate", "qed:max"))


@pytest.mark.parametrize("kind", ["writer", "ended", "chemist"])
def test_a_saved_model_of_strings_makes_the_same_again(
    tmp_path, request, fresh, perturbed, kind: str
):
    spec = request.getfixturevalue(kind).spec
    net = perturbed(fresh(spec)).eval()
    save_model(tmp_path, net, spec)
    again = load(tmp_path, "cpu")
    assert again.spec == spec
    assert spec.to_dict()["format"] == 3
    assert again.sample(6, 2).texts == Generator(net, spec).sample(6, 2).texts


def test_a_cpu_makes_no_more_tokens_at_once_than_it_has_room_for(
    writer: Generator, monkeypatch: pytest.MonkeyPatch
):
    whole = writer.sample(9, 2, "euler").texts
    sizes, start = [], sampler.start

    def noted(model: Model, crowd, step: int = 0, noise_scale: float = 1.0) -> State:
        sizes.append(len(crowd))
        return start(model, crowd, step, noise_scale)

    monkeypatch.setattr(sampler, "start", noted)
    monkeypatch.setattr("molflow.sampling.sampler.ROOM", 4 * LENGTH + 1)
    assert writer.sample(9, 2, "euler").texts == whole
    assert sizes == [4, 4, 1]
    monkeypatch.setattr("molflow.sampling.sampler.ROOM", LENGTH - 1)
    writer.sample(2, 2, "euler")
    assert sizes[3:] == [1, 1]


def test_progress_counts_what_is_made(writer: Generator, monkeypatch, capsys):
    monkeypatch.setattr("molflow.progress.LINE_SECONDS", 0.0)
    monkeypatch.setattr("molflow.progress._Lines.interval", 0.0)
    writer.sample(4, 2)
    writer.sample(4, 2, guide=toward("g", "best_of"))
    lines = capsys.readouterr().err.splitlines()
    done = [line.split(",")[0] for line in lines if line.startswith("sampling")]
    assert done == ["sampling: 2/4 texts", "sampling: 4/4 texts"] * 2
