"""The random numbers of sampling: a stream for every key, of the right laws."""

import math

import numpy as np
import pytest
import torch

from molflow.chem.vocabulary import Vocabulary
from molflow.modality import Graphs, Strings
from molflow.sampling.noise import DRAWS, LOOKS, Crowd, draw_sizes
from molflow.sequence.vocabulary import TokenVocabulary

LAW = (0.0, 0.1, 0.2, 0.3, 0.4)
MODALITY = Graphs(Vocabulary(("C-", "C", "N-", "N", "N+", "O-", "O", "F")))


STRINGS = Strings(TokenVocabulary(tuple("abcde"), "characters"))


def crowd(molecules: list[int], sizes: list[int], seed: int = 0, particles: int = 1) -> Crowd:
    return Crowd(seed, np.array(molecules), np.array(sizes), MODALITY, particles)


def test_the_noise_of_a_molecule_depends_on_seed_index_and_size_alone():
    together, alone = crowd([3, 5, 9], [2, 3, 4]), crowd([5], [3])
    for name, d in (("atoms", 3), ("pairs", 3)):
        assert torch.equal(together.normal()[name][1, :d], alone.normal()[name][0])


def test_variables_that_do_not_exist_have_no_noise():
    noise = crowd([0, 1], [2, 4]).normal()
    assert noise["atoms"].shape == (2, 4, 8)
    assert not noise["atoms"][0, 2:].any()
    assert not noise["pairs"][0, 1:].any()


@pytest.mark.parametrize(
    "other",
    [
        crowd([1], [4]).normal(),
        crowd([0], [4], seed=1).normal(),
        crowd([0], [4]).normal(step=1),
        crowd([0], [4]).uniforms(0, DRAWS)[0],
        {name: value[1:] for name, value in crowd([0], [4], particles=2).normal().items()},
    ],
    ids=["molecule", "seed", "step", "purpose", "particle"],
)
def test_every_part_of_the_key_matters(other):
    noise = crowd([0], [4]).normal()
    assert not any(torch.isclose(noise[name], other[name]).any() for name in noise)


def test_the_first_particle_is_the_molecule_without_particles():
    one, three = crowd([0, 1], [4, 4]).normal(), crowd([0, 1], [4, 4], particles=3).normal()
    assert all(torch.equal(one[name], three[name][[0, 3]]) for name in one)


def test_the_noise_is_standard_normal():
    for values in crowd(list(range(400)), [4] * 400).normal().values():
        # Five standard deviations of mean, variance and fourth moment of n normal numbers.
        n, values = values.numel(), values.double()
        assert values.mean().abs() < 5 * math.sqrt(1 / n)
        assert (values.square().mean() - 1).abs() < 5 * math.sqrt(2 / n)
        assert (values.pow(4).mean() - 3).abs() < 5 * math.sqrt(96 / n)


def test_the_numbers_behind_draws_are_uniform():
    for values in crowd(list(range(400)), [4] * 400).uniforms(1, DRAWS)[0].values():
        n, values = values.numel(), values.double()
        assert values.min() >= 0
        assert values.max() < 1
        assert (values.mean() - 0.5).abs() < 5 * math.sqrt(1 / 12 / n)
        assert (values.square().mean() - 1 / 3).abs() < 5 * math.sqrt(4 / 45 / n)


def test_several_draws_of_a_step_differ_and_the_first_is_that_of_one():
    one, three = crowd([0], [4]).uniforms(1, LOOKS), crowd([0], [4]).uniforms(1, LOOKS, 3)
    assert torch.equal(one[0]["atoms"], three[0]["atoms"])
    assert len({float(fields["atoms"][0, 0, 0]) for fields in three}) == 3


def test_choices_are_one_number_a_molecule_and_step():
    alone, together = crowd([7], [4]).choices(2), crowd([6, 7], [2, 3]).choices(2)
    assert alone.shape == (2, 1)
    assert torch.equal(alone[:, 0], together[:, 1])
    assert len(set(together.flatten().tolist())) == 4


def test_sizes_follow_the_law():
    n = 2000
    counts = np.bincount(draw_sizes(range(n), 0, LAW), minlength=5)
    expected = n * np.array(LAW)
    assert counts[0] == 0
    # 16.27 is the 99.9 % quantile of chi-square with three degrees of freedom.
    assert ((counts - expected)[1:] ** 2 / expected[1:]).sum() < 16.27


def test_a_size_of_probability_zero_never_comes():
    assert set(draw_sizes(range(50), 0, (0, 0, 1, 0, 1)).tolist()) == {2, 4}


def strings(indices: list[int], lengths: list[int], seed: int = 0, particles: int = 1) -> Crowd:
    return Crowd(seed, np.array(indices), np.array(lengths), STRINGS, particles)


def test_the_noise_of_a_string_depends_on_seed_index_and_length_alone():
    together, alone = strings([3, 5, 9], [2, 7, 4]), strings([5], [7])
    noise = together.normal()["tokens"]
    assert noise.shape == (3, 7, 5)
    assert torch.equal(noise[1], alone.normal()["tokens"][0])
    assert torch.equal(
        together.uniforms(2, LOOKS, 2)[1]["tokens"][1], alone.uniforms(2, LOOKS, 2)[1]["tokens"][0]
    )
    assert not noise[0, 2:].any()


def test_a_longer_string_begins_with_the_noise_of_a_shorter_one():
    # Numbers come position by position, so that a length changes only what is behind it.
    short, long = (strings([5], [n]).normal()["tokens"][0] for n in (3, 8))
    assert torch.equal(long[:3], short)


@pytest.mark.parametrize(
    "other",
    [strings([1], [4]), strings([0], [4], seed=1)],
    ids=["index", "seed"],
)
def test_another_string_or_seed_has_other_noise(other: Crowd):
    first = strings([0], [4]).normal()["tokens"]
    assert not torch.isclose(first, other.normal()["tokens"]).any()
