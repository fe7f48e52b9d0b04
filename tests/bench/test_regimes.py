"""The simulation of regimes: signs that the literature and the rules predict, and the same figures twice.

Small on purpose: shares and waits are docs/simulation.md's business, not a test's.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bench import regimes, regimes_honest
from bench import regimes_market as market
from bench import regimes_questions as questions
from bench.regimes_attempts import Informed, Park, Standby, WalkIn
from bench.regimes_before import BEFORE, COHORT_FIRST, DRAW_ORDER, EACH_MENDED, NOW, RuleSet
from bench.regimes_data import profile
from bench.regimes_day import fill, opened
from bench.regimes_honest import corrections
from bench.regimes_office import Office
from bench.regimes_people import START_ON, Habits, Person, Rules, SimSlot, pilot_scene, wide_scene
from bench.regimes_resale import observe
from bench.regimes_scalper import POOL, Plan, Seller
from bench.regimes_spellings import Mended, NumberInOne, Numbers, OneVariant, OtherName, SameName, TwoWrong, Variants
from booking.domain import draw
from booking.domain.demande import Availability, DemandeState
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity
from booking.domain.slots import SlotState


def played(code: str, seekers: int) -> market.Outcome:
    regime = next(regime for regime in market.REGIMES if regime.code == code)
    return market.play(regime, seekers, (1,), 6)


def office(load: float, weeks: int, rules: Rules | None = None, seed: int = 1) -> Office:
    scene = wide_scene(weeks)
    built = opened(scene, rules or Rules(), Habits(per_week=load * scene.slots_per_week), seed)
    fill(built)
    return built.run()


def test_the_two_by_two_has_the_signs_of_the_literature():
    outcomes = [played(code, seekers) for code in "AG" for seekers in (market.LOW, market.HIGH)]
    assert market.signs(outcomes) == {"fcfs/low": False, "fcfs/high": True, "batch/low": False, "batch/high": False}


@pytest.mark.parametrize("code", ["A", "B", "C", "D", "E", "F", "I"])
def test_one_ingredient_alone_leaves_most_places_for_sale(code):
    assert played(code, market.HIGH).paid > 0.4


def test_all_three_ingredients_leave_nothing_for_sale():
    assert played("G", market.HIGH).paid == 0


def test_holding_what_nobody_buys_makes_nothing_scarcer():
    assert market.alone(market.LOW, 60) == 1
    assert market.price_eur(market.LOW, 10) == 0


def test_the_same_seed_lives_the_same_life():
    one, two = (office(1.5, 12) for _ in range(2))
    assert [(p.state, p.served_at) for p in one.people] == [(p.state, p.served_at) for p in two.people]
    assert [p.served_at for p in office(1.5, 12, seed=2).people] != [p.served_at for p in one.people]


def test_an_office_keeps_its_books():
    lived = office(1.5, 14)
    used = [slot for slot in lived.slots if slot.state is SlotState.USED]
    received = [person for person in lived.people if person.state is DemandeState.SERVED]
    assert len(used) > 100
    assert {slot.used_by for slot in used} == set(received)
    assert len(received) == len(used) + lived.received_outside
    assert all(person.can_come(slot) for slot in used if (person := slot.used_by))


def test_more_demand_makes_longer_waits():
    low, high = (sorted(p.wait_weeks for p in office(load, 20).people if p.wait_weeks) for load in (0.6, 1.5))
    assert low[len(low) // 2] < high[len(high) // 2]


def test_filing_for_clients_buys_nothing():
    gain = observe(Seller, 1.5, Plan(0, 0.4), 1, 26).gain
    assert gain is not None
    assert abs(gain) < 0.12


def test_a_vague_entry_became_a_stranger_and_does_not_any_more():
    built = opened(wide_scene(1), Rules(), Habits(per_week=1), 1)
    before, now = (Park(built, Plan(0, 0.5, rules=rules)) for rules in (BEFORE, NOW))
    vague = next(POOL.vague())
    born = type(vague.birth)(vague.birth.year, 5, 12)
    same_given = type(vague)("Zzyzx", vague.given_names, born, "", "GN")
    same_names = type(vague)(vague.family_name, vague.given_names, born, "", "GN")
    homonym = type(vague)(vague.family_name, vague.given_names, vague.birth, "", "GN")
    assert before.one_person(vague, same_given)
    assert not now.one_person(vague, same_given)
    assert not now.one_person(vague, same_names)
    assert now.one_person(vague, homonym), "who has the same name and no birthday either cannot be told apart"


def test_the_old_rule_for_corrections_was_wider_than_the_new_one():
    rows = {(row["people"], row["rule"]): row["lost_per_1000"] for row in corrections((1,))}
    assert rows["everybody", BEFORE.name] <= rows["everybody", NOW.name]
    assert rows["the same, a number was given", NOW.name] == 0


def test_who_filed_once_and_has_no_twin_loses_next_to_nothing_by_the_rule_of_one_document(monkeypatch):
    """R-75"""
    monkeypatch.setattr(regimes_honest, "PEOPLE", 4000)
    monkeypatch.setattr(regimes_honest, "WAITING", (300,))
    lost = {row["people"]: row["lost_per_1000"] for row in regimes_honest.one_document((1,))}
    assert lost["filed once, no twin"] < 1
    assert lost["everybody"] < 3


def test_another_persons_convocation_is_worth_something_only_where_nobody_looks():
    received, refused = (observe(WalkIn, 0.7, Plan(60, 0.4, rules=rules), 1, 26).gain for rules in (BEFORE, NOW))
    assert received is not None
    assert refused is not None
    assert received > refused + 0.05


def test_an_unused_place_burns_an_invented_name_where_it_needs_a_proof():
    scene = wide_scene(16)
    names = []
    for rules in (Rules(), Rules(unused_needs_proof=True)):
        built = opened(scene, rules, Habits(per_week=20), 1)
        seller = Standby(built, Plan(40, 0.4))
        fill(built, seller.shape)
        built.run()
        names.append(seller.names)
    assert names[1] > 2 * names[0]


def called_first(rules: Rules, number_waiting: int) -> tuple[Office, SimSlot, list[Person]]:
    """A client alone in the oldest cohort, others who ticked short notice behind, and a free place of tomorrow."""
    built = opened(wide_scene(8), rules, Habits(per_week=0.01), 1)
    everywhere = Availability(frozenset(built.scene.halves), short_notice=True)
    people = [Person(everywhere, client=not number) for number in range(number_waiting)]
    built.run()
    slot = next(slot for slot in built.slots if slot.state is SlotState.OPEN)
    for number, person in enumerate(people):
        built.file(person)
        line = draw.Line(person.leaf, "W", 1, 1 if number == 0 else 2, (), (), b"")
        built.listed[person.leaf] = person, line
    built.order = people
    return built, slot, people


def test_nobody_can_aim_a_place_given_back_at_the_last_minute():
    """R-71: whom a seller can foresee is one person, one cohort, or nobody in particular."""
    foreseen = {}
    for rules in (DRAW_ORDER, COHORT_FIRST, NOW):
        built, slot, people = called_first(rules.office, 36)
        foreseen[rules.name] = len(built.first_for(slot))
        assert set(built.standby(slot)) == set(people)
        seller = Informed(built, Plan(0, 0.4, odds=0.8, rules=rules))
        assert seller.good_odds(slot) is (rules is not NOW)
    assert list(foreseen.values()) == [1, 1, 36]


def test_the_interval_of_a_mean_contains_it_and_one_seed_claims_nothing():
    mean, low, high = market.interval([0.1, 0.2, 0.3])
    assert low < mean < high
    assert market.interval([0.4]) == (0.4, 0.4, 0.4)


def test_a_reserve_given_first_does_nothing_and_given_last_is_a_priority():
    none, first, last = (row["assisted_placed"] for row in questions.reserves((1,))[:3])
    assert abs(none - first) < 0.02
    assert last > 0.75


def test_cohorts_cut_the_longest_waits_at_the_same_mean():
    cohort, lottery = questions.ageing((1,), 104)[-2:]
    assert cohort["p99"] < lottery["p99"]
    assert abs(cohort["mean"] - lottery["mean"]) < 0.5


def test_silence_without_a_pause_eats_the_places():
    used = {}
    for pause in (False, True):
        rules = Rules(pause=pause, nightly=False, urgent=False, asks_still_needed=False)
        built = opened(pilot_scene(30), rules, Habits(per_week=14, silent=0.3, comes_back=0, short_notice=0), 1)
        fill(built)
        built.run()
        used[pause] = sum(slot.used_by is not None for slot in built.slots)
    assert used[False] < used[True] / 1.5


def test_left_over_places_in_draws_save_the_week_that_assignment_at_filing_would_save():
    def days(rules: Rules) -> float:
        lived = opened(wide_scene(16, daily=True), rules, Habits(per_week=15), 1)
        fill(lived)
        lived.run()
        waits = sorted(
            p.wait_weeks for p in lived.people if p.wait_weeks and p.filed_at.date() > START_ON + timedelta(weeks=5)
        )
        return waits[len(waits) // 2]

    assert days(Rules(main_takes_left_over=True)) < days(Rules()) - 0.3


def test_assignment_of_any_free_place_at_filing_lets_a_seller_hand_it_over():
    draws, left_over, anything = questions.handover((1,))
    assert draws["client_in_an_hour"] == left_over["client_in_an_hour"] == 0
    assert anything["client_in_an_hour"] > anything["other_in_an_hour"] == 0


def test_real_scarcity_is_read_from_the_two_files(tmp_path: Path):
    (tmp_path / "berlin_2016_capacity.csv").write_text(
        "provider,date,status,free_public,free_internal,capacity_public,capacity_internal_incl_public\n"
        "1,01-04-2016,full,0,0,50,100\n1,04-04-2016,full,-3,-21,50,100\n2,04-04-2016,free,10,0,100,100\n"
    )
    polls = "".join(
        f"x,12,0,5,11,{found},,{days}\n" for found, days in ((0, ""), (1, 60), (0, ""), (2, 3), (2, 3), (0, ""))
    )
    header = "dateChecked,dateCheckedHour,dateCheckedMinute,dateCheckedDayOfWeek,dateCheckedDayOfMonth,"
    (tmp_path / "berlin_2021_polls.csv").write_text(
        f"{header}appointmentDaysFound,earliestAppointmentDate,earliestAppointmentDelta\n{polls}"
    )
    found = profile(tmp_path)
    assert (found["public_capacity_taken"], found["kept_for_the_counter"]) == (0.95, 0.333)
    assert (found["windows_of_one_poll"], found["polls_with_a_slot_within_14_days"]) == (0.5, 0.333)
    assert found["window_s"] == 173


def test_the_command_prints_tables_or_one_object(capsys: pytest.CaptureFixture[str]):
    assert regimes.main(["--quick", "--only", "signs"]) == 0
    assert ["fcfs/high", "True"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert regimes.main(["--quick", "--json", "--only", "signs"]) == 0
    assert len(json.loads(capsys.readouterr().out)["signs"]) == 4


def spelled(kind: type[Variants], rules: RuleSet, document: Identity) -> tuple[Variants, list[Person]]:
    """A client whom the seller has filed in its way; every entry has been in a draw."""
    built = opened(wide_scene(1), Rules(), Habits(per_week=1), 1)
    seller = kind(built, Plan(0, 0.5, rules=rules))
    client = Person(Availability(frozenset(built.scene.halves)), client=True, identity=document)
    built.file(client)
    for entry in seller.entries[client]:
        entry.offers = 1
    return seller, seller.entries[client]


@pytest.mark.parametrize(
    ("kind", "before", "now"),
    [
        (OneVariant, [True, True], [True, False]),
        (TwoWrong, [True, True], [False, False]),
        (OtherName, [True, True, True], [True, False, False]),
        (Numbers, [True, True], [False, False]),
        (SameName, [True, True], [True, False]),
        (NumberInOne, [True, True], [False, True]),
    ],
)
def test_more_spellings_are_no_more_chances(kind, before, now):
    """R-75, R-76"""
    born = BirthDate(1990, 1, 1) if issubclass(kind, SameName) else BirthDate(1990, 5, 12)
    numbers = (Identifier(IdentifierKind.AGDREF, "0123456789"),) if kind is NumberInOne else ()
    document = Identity("Kowalczyk", "Anna", born, "Dax", "PL", numbers)
    for rules, expected in ((EACH_MENDED, before), (NOW, now)):
        seller, entries = spelled(kind, rules, document)
        assert [seller.received(entry, entries[0]) for entry in entries] == expected
        seller.office.withdraw(entries[-1])
        assert [seller.received(entry, entries[0]) for entry in entries][:-1] == expected[:-1], "too late"


def test_a_spelling_corrected_before_the_draw_is_the_one_entry():
    """R-75"""
    seller, (own, other) = spelled(Mended, NOW, Identity("Kowalczyk", "Anna", BirthDate(1990, 5, 12), "Dax", "PL"))
    seller.mend(own)
    assert seller.received(own, own)
    assert not seller.received(other, own)
