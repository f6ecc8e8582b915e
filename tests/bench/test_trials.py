"""The scores of a case, by contestants that we know; and pieces of work in processes."""

import numpy as np
import pytest
from oracles import Oracle

from imuge.bench import scores
from imuge.bench.grid.cases import Case
from imuge.bench.grid.entrants import Entrant
from imuge.bench.grid.trials import Subject, measure
from imuge.bench.grid.work import GridPlan, work
from imuge.bench.inpainting import biharmonic_fill, smooth_fill
from imuge.bench.pictures import Photograph

SPLICE = Case("splice")


@pytest.fixture
def two(photograph, other_photograph):
    return Photograph("a", "00", photograph), Photograph("b", "11", other_photograph)


def rows(contestant, two, *cases):
    return list(measure(Subject(contestant, *two, seed=1), cases))


def test_who_knows_everything_finds_and_recovers_everything(two):
    (row,) = rows(Oracle(), two, SPLICE)
    assert row.cannot is None
    found = row.scores
    assert found["verdict"] == "tampered"
    assert found["identified"] == 1
    assert found["psnr_db"] == found["found_whole_db"] == found["given_area_db"] == 100
    assert found["ssim"] == found["ms_ssim"] == pytest.approx(1)
    assert found["f1"] > 0.95, "nearly all pasted pixels differ"
    assert found["precision"] == found["auc"] == 1


def test_every_score_is_that_of_the_plain_function(two):
    subject = Subject(Oracle(), *two, seed=1)
    case = Case("splice", "jpeg:75")
    received, true = subject.forged(case)
    finding = subject.contestant.examine(received, subject.original)
    found = rows(Oracle(), two, case)[0].scores
    assert found["f1"] == scores.f1(finding.mask, true)
    assert found["iou"] == scores.iou(finding.mask, true)
    assert found["auc"] == scores.auc(finding.probability, true)
    assert found["attacked_area_db"] == scores.psnr_db(subject.original, received, true)
    filled = smooth_fill(received, true)
    assert found["inpainted_area_db"] == scores.psnr_db(subject.original, filled, true)
    assert found["attacked_area_db"] < found["inpainted_area_db"] < found["given_area_db"]


def test_untouched_pictures_count_what_is_marked(two):
    clean, saved = rows(Oracle(), two, Case(), Case(process="jpeg:50"))
    assert clean.scores["any"] == clean.scores["alarm"] == clean.scores["false_area"] == 0
    assert clean.scores["verdict"] == "intact"
    assert saved.scores["any"] == saved.scores["alarm"] == 1
    assert saved.scores["false_area"] > 0.5
    assert "f1" not in clean.scores


@pytest.mark.slow
def test_where_the_size_changes_there_is_a_verdict_and_no_mask(guard, key, two):
    from imuge.bench.contestants import ReleaseContestant

    release = ReleaseContestant(guard.engine, key, shipped=True)
    (row,) = rows(release, two, Case(process="crop:0.9"))
    assert row.scores.keys() == {"psnr_db", "ssim", "ms_ssim", "verdict", "identified"}


def test_who_only_locates_recovers_nothing(two):
    (row,) = rows(Oracle(restores=False), two, SPLICE)
    assert {"attacked_area_db", "inpainted_area_db"} <= row.scores.keys()
    assert not {"found_area_db", "given_area_db"} & row.scores.keys()


def test_what_cannot_be_done_is_told_and_the_rest_goes_on(two):
    refuses = [3_000_001]  # the one that is pasted
    same, plain = rows(Oracle(refuses=refuses), two, Case("splice, same key"), SPLICE)
    assert same.cannot == "expected a picture it likes, got another"
    assert same.scores == {}
    assert plain.cannot is None


def test_strengths_are_for_those_that_have_them(two):
    found = rows(Oracle(), two, Case("splice", strength=0.5), SPLICE)
    assert [row.case for row in found] == [SPLICE]


def test_host_and_pasted_picture_have_secrets_of_their_own(two):
    oracle = Oracle()
    rows(oracle, two, SPLICE, Case("splice, same key"), Case("splice, same key", "jpeg:75"))
    assert len(oracle.seeds) == len(set(oracle.seeds)) == 2, "each is protected once"


@pytest.mark.slow
def test_the_release_is_measured_as_the_product_verifies(guard, key, two):
    from imuge.bench.contestants import ReleaseContestant

    release = ReleaseContestant(guard.engine, key, shipped=True)
    subject = Subject(release, *two, seed=1)
    case = Case("splice, other key", "jpeg:75")
    (row,) = measure(subject, [case])
    received, true = subject.forged(case)
    verdict = guard.verify(received)
    assert row.scores["verdict"] == verdict.verdict == "tampered"
    assert row.scores["f1"] == scores.f1(verdict.mask, true) > 0.9
    recovered = scores.psnr_db(subject.original, verdict.recovered, true)
    assert row.scores["found_area_db"] == pytest.approx(recovered)


@pytest.mark.parametrize("fill", [smooth_fill, biharmonic_fill])
def test_inpainting_forgets_the_mask_and_changes_nothing_else(photograph, fill):
    mask = np.zeros((256, 256), bool)
    mask[90:150, 60:140] = True
    filled = fill(photograph, mask)
    np.testing.assert_array_equal(filled[~mask], photograph[~mask])
    hole = np.where(mask[..., None], np.uint8(200), np.full_like(photograph, 77))
    assert scores.psnr_db(fill(hole, mask), np.full_like(photograph, 77), mask) > 40


@pytest.mark.slow
def test_processes_change_no_result(two):
    cases = (SPLICE, Case(process="jpeg:75"))
    entrants = (Entrant("peer", "self-embedding"), Entrant("peer", "error levels"))
    plan = GridPlan(entrants, two, cases, seed=4)
    steps = []
    found = dict(work(plan, plan.units(), jobs=2, step=lambda: steps.append(1)))
    assert found.keys() == set(plan.units())
    assert len(steps) == len(plan.units()) * len(cases)
    for (entrant, picture), there in found.items():
        pair = two[picture], two[picture - 1]
        contestant = entrants[entrant].build(threads=1)
        here = list(measure(Subject(contestant, *pair, seed=plan.seed_of(picture)), cases))
        assert there == here
