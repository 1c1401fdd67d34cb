import ast

import numpy as np
import pytest

import chapters
from darkpairs import _jit, background, chunks, detector, model, plans, worlds

ONE = plans.Entry("pi0", "pi0", 1000, 2)


def test_the_plans_of_both_profiles():
    quick, full = (plans.check(plans.plan(profile)) for profile in ("quick", "full"))
    assert [entry.name for entry in quick] == [entry.name for entry in full]
    sizes = {entry.name: entry.events for entry in full}
    # asked for by the plan of the book: events of the full profile
    assert sizes["signal"] >= 20_000
    assert sizes["pi0"] >= 25_000
    assert sizes["dirt"] >= 10_000
    assert sizes["numu"] >= 8000  # each stands for so many that few make it known
    assert all(sizes[kind] >= 5000 for kind in plans.KINDS)
    assert sizes["signal/cosmic"] + sizes["pi0/cosmic"] >= 2000
    assert all(sizes[name] <= 5000 for name in sizes if name.startswith(("signal/", "pi0/")))
    assert sum(sizes[name] for name in sizes if name.startswith("world/")) <= 30_000
    assert 3000 <= sum(entry.events for entry in quick if "/" not in entry.name) <= 4000
    assert {entry.name for entry in full} == {*plans.KINDS} | {
        f"world/{kind}" for kind in plans.KINDS} | {
        f"{kind}/{name}" for kind in ("signal", "pi0")
        for name in (*plans.variations(), "cosmic")}


def test_ranges_cover_each_event_once():
    for events, chunk in ((1, 5), (10, 5), (11, 5), (999, 1000)):
        ranges = ONE._replace(events=events, chunk=chunk).ranges()
        numbers = np.concatenate([np.arange(first, first + n) for first, n in ranges])
        np.testing.assert_array_equal(numbers, np.arange(events))
        assert all(n <= chunk for _, n in ranges)


def test_a_variation_has_the_dice_of_its_mother_and_one_other_thing():
    entries = {entry.name: entry for entry in plans.plan("quick")}
    seeds = {entries[kind].seed for kind in plans.KINDS}
    assert len(seeds) == len(plans.KINDS)
    for name, entry in entries.items():
        if name.startswith("world/"):
            continue
        mother = entries[name.partition("/")[0]]
        assert (entry.kind, entry.seed, entry.tilt) == (mother.kind, mother.seed, mother.tilt)
        assert (entry.chamber != mother.chamber) + entry.overlay == ("/" in name)


def test_sealed_worlds_have_other_dice_and_another_chamber():
    for profile in ("quick", "full"):
        entries = {entry.name: entry for entry in plans.plan(profile)}
        ours = {entry.seed for name, entry in entries.items() if not name.startswith("world/")}
        sealed = [entries[f"world/{kind}"] for kind in plans.KINDS]
        assert len({entry.seed for entry in sealed} - ours) == len(plans.KINDS)
        for entry in sealed:
            assert entry.chamber == worlds.chamber() != detector.MICROBOONE
            mother = entries[entry.kind]
            assert entry.events <= mother.events
            note = model.BENCHMARKS["note"] if entry.kind == "signal" else None
            assert entry == mother._replace(name=entry.name, events=entry.events, seed=entry.seed,
                                            chamber=entry.chamber, model=note)


def test_variations_move_what_their_names_say():
    paper = detector.MICROBOONE
    moved = {name: {field for field in paper._fields
                    if getattr(paper, field) != getattr(other, field)}
             for name, other in plans.variations().items()}
    assert moved == {"lifetime-": {"lifetime"}, "recombination-": {"box_alpha"},
                     "diffusion+": {"diffusion_long", "diffusion_trans"}, "gain-": {"gain"},
                     "gain+": {"gain"}, "noise+": {"noise_flat", "noise_start", "noise_slope"},
                     "shaping+": {"shaping"}}
    other = plans.variations(plans.SHIFTS._replace(gain=0.5))
    assert (other["gain-"].gain, other["gain+"].gain) == (7.0, 21.0)  # of 14 mV/fC
    # arXiv:2104.06551 measures D_L = 3.74 + 0.28 − 0.29 cm²/s
    assert plans.variations()["diffusion+"].diffusion_long == pytest.approx(4.02e-6, rel=2e-3)


@pytest.mark.parametrize("change", [
    dict(name="other"), dict(kind="pi0-coherent"), dict(events=999), dict(seed=3), dict(tilt=0.5),
    dict(overlay=True), dict(chunk=10), dict(chamber=detector.MICROBOONE._replace(gain=14.1))],
    ids=lambda change: next(iter(change)))
def test_a_key_changes_with_every_field(change):
    assert plans.key(ONE._replace(**change)) != plans.key(ONE)
    assert plans.key(ONE._replace()) == plans.key(ONE)


def test_a_key_changes_with_the_model():
    note = plans.Entry("mine", "signal", 10, 1, model=model.BENCHMARKS["note"])
    heavier = model.replace(note.model, m_heavy=note.model.m_heavy + 1)
    assert len({plans.key(each) for each in (
        note, note._replace(model=None), note._replace(model=heavier))}) == 3


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the library's code, to be edited; the keys follow it."""
    for path in _jit.PACKAGE.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.csv").write_text("1")
    monkeypatch.setattr(_jit, "PACKAGE", tmp_path)
    monkeypatch.setattr(plans, "DATA", tmp_path / "data")

    def key(entry=ONE):
        for each in (plans.key, plans._code, plans._surroundings):
            each.cache_clear()
        return plans.key(entry)
    yield tmp_path, key
    monkeypatch.undo()
    key()


def test_a_key_follows_the_code_that_is_used_and_no_other(package):
    folder, key = package
    before = key()
    for room, matters in (("hits", True), ("chunks", True), ("cocktail", False), ("show", False)):
        path = folder / f"{room}.py"
        text = path.read_text(encoding="utf-8")
        path.write_text(text + "\nMORE = 1\n", encoding="utf-8")
        assert (key() != before) == matters, room
        path.write_text(text.replace('"""', '"""Other words. ', 1) + "\n# words\n",
                        encoding="utf-8")
        assert key() == before, room
        path.write_text(text, encoding="utf-8")


def test_a_key_follows_tables_and_versions(package, monkeypatch):
    folder, key = package
    before = key()
    (folder / "data" / "one.csv").write_text("2")
    assert key() != before
    (folder / "data" / "one.csv").write_text("1")
    assert key() == before
    monkeypatch.setattr(plans, "version", lambda name: "0")
    assert key() != before


def test_a_chapter_that_loads_samples_runs_again_when_their_code_changes():
    every = {room for entry in plans.plan("quick") for room in plans.rooms(entry)}
    assert every <= chapters.with_imports({"samples"})


def test_a_signal_depends_on_the_cocktail_and_its_cover_on_the_sky():
    entries = {entry.name: entry for entry in plans.plan("quick")}
    assert "cocktail" in plans.rooms(entries["signal"])
    assert "background" not in plans.rooms(entries["signal"])
    assert "cosmic" in plans.rooms(entries["signal/cosmic"])
    assert "cosmic" not in plans.rooms(entries["signal"])
    assert "cocktail" not in plans.rooms(entries["pi0"])


@pytest.mark.parametrize(("entries", "words"), [
    ([], "each name once"), ([ONE, ONE], "each name once"), (["pi0"], "a sequence of plans.Entry"),
    ([ONE._replace(kind="pi1")], "unknown kind 'pi1'; wanted one of signal, pi0"),
    ([ONE._replace(name="../pi0")], "wanted letters"), ([ONE._replace(name="")], "wanted letters"),
    ([ONE._replace(events=0)], "events = 0; wanted a whole number > 0"),
    ([ONE._replace(events=1.5)], r"events = 1.5; wanted a whole number"),
    ([ONE._replace(chunk=0)], "chunk = 0; wanted"), ([ONE._replace(seed=-1)], "seed"),
    ([ONE._replace(tilt=1.5)], "tilt = 1.5; wanted 0 < tilt ≤ 1"),
    ([ONE._replace(kind="signal", tilt=0.5)], "for a kind with π⁰ inside"),
    ([ONE._replace(model=model.BENCHMARKS["note"])], "wanted one for signal alone"),
    ([ONE._replace(chamber=detector.MICROBOONE._replace(gain=0.0))], "a chamber with")])
def test_wrong_plans_are_refused(entries, words):
    with pytest.raises(ValueError, match=words):
        plans.check(entries)


def test_unknown_names_and_profiles_are_refused():
    with pytest.raises(ValueError, match="unknown sample 'pion'; wanted one of signal, pi0"):
        plans.find("pion", "quick")
    with pytest.raises(ValueError, match="unknown profile 'medium'"):
        plans.plan("medium")


def test_a_checked_plan_holds_plain_numbers():
    entry, = plans.check([ONE._replace(events=np.int64(1000), seed=np.uint64(2))])
    assert plans.key(entry) == plans.key(ONE)
    assert chunks.folder("x", entry).parts == ("x", "pi0", plans.key(ONE))


def test_every_kind_has_a_sample():
    assert {"signal", *background.KINDS} == {*plans.KINDS}


@pytest.mark.parametrize("name", plans.RESULTS)
def test_a_key_does_not_follow_results_that_nobody_reads_on_the_way(package, name):
    folder, key = package
    before = key()
    (folder / "data" / f"{name}more.csv").write_text("2")
    assert key() == before
    (folder / "data" / "more.csv").write_text("2")
    assert key() != before


@pytest.mark.parametrize("entry", [ONE, ONE._replace(kind="signal"), ONE._replace(overlay=True)])
def test_rooms_on_the_way_name_no_table_of_results(entry):
    for room in plans.rooms(entry):
        tree = ast.parse((_jit.PACKAGE / f"{room}.py").read_text(encoding="utf-8"))
        words = {node.value for node in ast.walk(tree)
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not [word for word in words if word.startswith(plans.RESULTS)], room
