"""Search: best-of-M at first, never worse afterwards, around the best so far alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.particles import best_of
from molflow.flow.samplers import decoded, sample
from molflow.flow.search import Course, Found, search
from molflow.flow.state import State

K = 5


def smooth(x: State, s: Tensor, t: Tensor) -> State:
    """A point of every simplex that leans on the state itself."""
    return (4 * x).softmax()


def blank(b: int, d: int = 3) -> State:
    """b examples of d free variables, all 0."""
    yes = torch.ones(b, d).bool()
    return State({"a": torch.zeros(b, d, K).double()}, {"a": yes}, {"a": ~yes})


def score(x_1: State) -> Tensor:
    """The sum of the class numbers."""
    return x_1.argmax()["a"].sum(1).double()


def same(x: State, y: State) -> bool:
    return all(torch.equal(v, y.values[name]) for name, v in x.values.items())


@pytest.fixture(scope="module")
def courses(normal_like) -> Callable[..., list[Course]]:
    """Four courses of 6 groups of 4, the later ones from ``time``; the first so many of them."""

    def make(generations: int, time: float = 0.5, x: State | None = None) -> list[Course]:
        x = blank(24) if x is None else x
        noise = [x.with_values(normal_like(x, k)).where_free(x) for k in range(generations)]
        first = Course(noise[0], [euler_step] * 3, (0.0, 0.3, 0.6, 1.0))
        return [first, *(Course(one, [flow_map] * 2, (time, 0.8, 1.0)) for one in noise[1:])]

    return make


def test_one_generation_is_the_best_of_its_walks(courses):
    (course,) = courses(1)
    ends = decoded(sample(course.steps, smooth, course.noise, course.times))
    best = best_of(score(ends), 4)
    found = search(smooth, [course], score, 4)
    assert same(found.x, ends[best])
    assert torch.equal(found.rewards, score(ends)[best])


def test_more_generations_never_end_lower_and_some_end_higher(courses):
    rewards = [search(smooth, courses(n), score, 4).rewards for n in (1, 2, 4)]
    assert (rewards[0] <= rewards[1]).all()
    assert (rewards[1] <= rewards[2]).all()
    assert rewards[0].sum() < rewards[1].sum() < rewards[2].sum()


def test_the_history_has_the_best_after_every_generation_and_the_rewards_are_of_the_states(courses):
    found = search(smooth, courses(4), score, 4)
    assert found.history.shape == (4, 6)
    assert torch.equal(found.history[0], search(smooth, courses(1), score, 4).rewards)
    assert torch.equal(found.history[2], search(smooth, courses(3), score, 4).rewards)
    assert torch.equal(found.history[-1], found.rewards)
    assert torch.equal(score(found.x), found.rewards)


def test_a_child_begins_between_its_own_noise_and_the_best_so_far(courses):
    starts = []

    def watched(x: State, s: Tensor, t: Tensor) -> State:
        starts.append(x)
        return smooth(x, s, t)

    first, second = courses(2, time=0.25)
    search(watched, [first, second], score, 4)
    best = search(smooth, [first], score, 4).x.values["a"].repeat_interleave(4, 0)
    expected = 0.75 * second.noise.values["a"] + 0.25 * best
    assert torch.allclose(starts[3].values["a"], expected, rtol=0, atol=1e-12)


def test_children_from_time_zero_have_no_parent(courses):
    first, second = courses(2, time=0.0)
    ends = decoded(sample(second.steps, smooth, second.noise, second.times))
    alone = score(ends)[best_of(score(ends), 4)]
    found = search(smooth, [first, second], score, 4)
    assert torch.equal(found.rewards, torch.maximum(found.history[0], alone))


def test_of_equal_rewards_the_earliest_stays(courses):
    def flat(x_1: State) -> Tensor:
        return torch.ones(len(x_1))

    found = search(smooth, courses(3), flat, 4)
    (course, *_) = courses(1)
    assert same(found.x, decoded(sample(course.steps, smooth, course.noise, course.times))[::4])


def test_groups_never_see_one_another(courses):
    def part(course: Course) -> Course:
        return Course(course.noise[8:16], course.steps, course.times)

    whole, some = (search(smooth, made, score, 4) for made in (courses(4), map(part, courses(4))))
    assert same(some.x, whole.x[2:4])
    assert torch.equal(some.history, whole.history[:, 2:4])


def test_given_variables_keep_their_values_to_the_bit_on_the_way(courses):
    x = blank(24)
    given = torch.zeros(24, 3).bool()
    given[:, 1] = True
    x.values["a"][:, 1] = torch.tensor([0.0, 0, 1, 0, 0])
    x = x.hold({"a": given})

    def watched(y: State, s: Tensor, t: Tensor) -> State:
        assert torch.equal(y.values["a"][:, 1], x.values["a"][:, 1])
        return smooth(y, s, t)

    found = search(watched, courses(4, 1 / 3, x), score, 4)
    assert torch.equal(found.x.values["a"][:, 1], x.values["a"][:6, 1])
    assert torch.equal(found.x.given["a"], given[:6])


def test_every_course_costs_its_steps_and_a_reward_of_every_walk(courses):
    judged, passes = [], []

    def counting(x_1: State) -> Tensor:
        judged.append(len(x_1))
        return score(x_1)

    def counted(x: State, s: Tensor, t: Tensor) -> State:
        passes.append(len(x))
        return smooth(x, s, t)

    found: Found = search(counted, courses(4), counting, 4)
    assert found.evaluations == len(passes) == 3 + 3 * 2
    assert judged == [24] * 4
    assert set(passes) == {24}


def test_a_search_without_a_course_is_refused():
    with pytest.raises(ValueError, match="search needs a course"):
        search(smooth, [], score, 4)
