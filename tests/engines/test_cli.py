"""The command line, called as a person would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.blobs import unpack
from engines.cli.main import build_parser, main
from engines.cli.training import read_experiment
from engines.datasets import DATASETS, datasets_of
from engines.models import MODELS
from engines.settings import setting_fields
from engines.tensors import make_rng
from engines.training import Experiment, Plan, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--steps", "20", "--batch-size", "32", "--n-couplings", "2", "--width", "8", "--device", "cpu"]


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run that is stored."""
    folder = tmp_path_factory.mktemp("stored") / "run"
    assert main(["train", "realnvp", "--dataset", "moons", *QUICK, "--out", str(folder)]) == 0
    return folder


def test_list_names_every_model_and_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "list")
    assert code == 0
    words = {line.split()[0] for line in out.splitlines() if line.startswith("  ")}
    assert words == {*MODELS, *DATASETS}


def test_train_stores_the_experiment_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data.noise", "0.3", "--data.rotation=45", "--seed", "3", "--learning-rate", "0.01", "--out", tmp_path]
    code, out, err = call(capsys, "train", "realnvp", "--dataset", "moons", *QUICK, *words)
    assert code == 0
    expected = Experiment.default(
        "realnvp", "moons", steps=20, batch_size=32, seed=3, learning_rate=0.01,
        settings={"n_couplings": 2, "width": 8}, dataset_settings={"noise": 0.3, "rotation": 45},
    )  # fmt: skip
    run = Run.load(tmp_path)
    assert run.experiment == expected
    assert run.info.state == "finished" and run.info.step == 20 and run.info.device.startswith("CPU")
    assert "KL(data || model)" in out and "integral" in out and "finished at step 20" in out
    assert f"{run.snapshots[-1].metrics['kl']:.4f}" in out
    assert "20/20" in err and "loss" in err


def test_train_goes_to_a_folder_named_by_the_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "train", "realnvp", "--dataset=gaussian", *QUICK)[0] == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == Run.load(folder).experiment.digest


def test_a_preset_is_where_settings_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preset = MODELS["realnvp"].presets["small"]
    words = ["--preset", "small", "--width", "8", "--steps", "1", "--device", "cpu", "--out", tmp_path]
    assert call(capsys, "train", "realnvp", "--dataset", "gaussian", *words)[0] == 0
    assert Run.load(tmp_path).experiment.settings == {**preset.to_dict(), "width": 8}


each_pair = pytest.mark.parametrize(
    ("model", "dataset"), [(m, d) for m in MODELS for d in datasets_of(*MODELS[m].takes)]
)


@each_pair
def test_without_options_it_trains_what_page_and_api_train(model: str, dataset: str) -> None:
    words = ["train", model, "--dataset", dataset]
    told = read_experiment(build_parser(words).parse_args(words))
    assert told.digest == Experiment.default(model, dataset).digest


def test_a_preset_changes_the_settings_and_an_option_one_of_them() -> None:
    """The plan stays that of the data set."""
    words = ["train", "realnvp", "--dataset", "moons", "--preset", "small", "--width", "24", "--seed", "7"]
    told, usual = read_experiment(build_parser(words).parse_args(words)), MODELS["realnvp"].usual("moons")
    assert told.settings == {**MODELS["realnvp"].presets["small"].to_dict(), "width": 24}
    assert told.plan == replace(usual.plan, seed=7)


@each_pair
def test_every_setting_is_an_option(model: str, dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", model, "--dataset", dataset, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for prefix, cls in (("", Plan), ("", MODELS[model].settings), ("data.", DATASETS[dataset].settings)):
        for field in setting_fields(cls):
            if not field.is_hidden:
                assert f"--{prefix}{field.name.replace('_', '-')} " in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "realnvpp", "--dataset", "moons"], "Did you mean 'realnvp'?"),
        (["train", "realnvp", "--dataset", "moon"], "Did you mean 'moons'?"),
        (["train", "realnvp", "--dataset", "moons", "--n-couplings", "99"], "from 2 to 24, got '99'"),
        (["train", "realnvp", "--dataset", "moons", "--steps", "many"], "expected a whole number"),
        (["train", "realnvp", "--dataset", "moons", "--data.noise", "nan"], "Noise width: expected a number"),
        (["train", "realnvp", "--dataset", "drawn", "--data.strokes", "?"], "drawing"),
        (["train", "realnvp", "--dataset", "moons", "--preset", "huge"], "Expected a preset out of small, deep, large"),
        (["train", "realnvp", "--dataset", "moons", "--device", "toaster"], "Expected device"),
        (["evaluate", "nowhere"], "Expected a run in 'nowhere'"),
        (["sample", "nowhere", "--out", "x.csv"], "Expected a run in 'nowhere'"),
        (["export", "nowhere"], "Expected a run in 'nowhere'"),
        (["sample", "nowhere", "--out", "x.pkl"], "ends in .csv or .safetensors"),
        (
            ["sample", "nowhere", "--out", "x.csv", "--temperature", "nan"],
            "Temperature: expected a number from 0 to 10",
        ),
        (["sample", "nowhere", "--out", "x.csv", "--temperature", "inf"], "got 'inf'"),
        (["sample", "nowhere", "--out", "x.csv", "--temperature", "-1"], "got '-1"),
        (["sample", "nowhere", "--out", "x.csv", "--temperature", "1e300"], "got '1e300'"),
        (["sample", "nowhere", "--out", "x.csv", "--temperature", "warm"], "got 'warm'"),
        (["sample", "nowhere", "--out", "x.csv", "--seed", "99999999999999999999"], "Seed: expected a whole number"),
        (["sample", "nowhere", "--out", "x.csv", "--seed", "-5"], "Seed: expected a whole number from 0"),
        (["sample", "nowhere", "--out", "x.csv", "--seed", "1.5"], "got '1.5'"),
        (["sample", "nowhere", "--out", "x.csv", "-n", "0"], "Samples: expected a whole number from 1"),
        (["sample", "nowhere", "--out", "x.csv", "-n", "nan"], "got 'nan'"),
        (["sample", "nowhere", "--out", "nowhere/x.csv"], "there is no folder 'nowhere'"),
        (["train", "realnvp", "--dataset", "moons", "--seed", "99999999999999999999"], "Seed: expected a whole number"),
    ],
)
def test_what_is_refused_is_told_in_one_sentence(
    words: Sequence[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert code == 2 and out == ""
    assert sentence in err and err.count("\n") == 1 and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_density_tells_its_own_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    trainer = Trainer(Experiment.default("plane_vae", "moons", steps=3), device="cpu")
    train_and_store(trainer, run)
    code, out, _ = call(capsys, "evaluate", run, "--device", "cpu")
    assert code == 0 and "no exact density" in out
    assert "bound_gap " in out and "active_units " in out
    code, _, err = call(capsys, "export", run)
    assert code == 2 and "cannot be written as one file" in err


@pytest.mark.parametrize("words", [[], ["dance"], ["train"], ["train", "realnvp"], ["evaluate"], ["list", "x"]])
def test_half_a_command_shows_the_usage(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _, err = call(capsys, "train", "realnvp", "--dataset", "moons", *QUICK, "--out", tmp_path)
    assert code == 2 and "holds other files" in err
    code, _, err = call(capsys, "train", "realnvp", "--dataset", "moons", *QUICK, "--out", tmp_path / "thesis.txt")
    assert code == 2 and "is a file" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_that_diverges_is_stored_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--learning-rate", 1, "--n-couplings", 24, "--scale-cap", 5, "--steps", 50, "--device", "cpu"]
    code, out, err = call(capsys, "train", "realnvp", "--dataset", "moons", *words, "--out", tmp_path)
    run = Run.load(tmp_path)
    assert code == 2 and "learning rate" in err
    assert f"diverged and keeps the weights of step {run.info.step}" in out
    assert f"The last good snapshot, of step {run.info.step}, is kept." in run.info.reason
    code, out, _ = call(capsys, "evaluate", tmp_path, "--device", "cpu")
    assert code == 0 and f"weights            of step {run.info.step}: At step" in out
    assert run.info.state == "diverged" and run.info.reason in err
    assert run.model().log_prob(torch.zeros(1, 2)).isfinite().all()


@pytest.mark.slow
def test_ctrl_c_stores_what_was_trained(tmp_path: Path) -> None:
    words = ["train", "realnvp", "--dataset", "moons", "--steps", "50000", "--device", "cpu", "--out", str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-m", "engines", *words], cwd=ROOT, stderr=subprocess.PIPE)
    with process:
        end = time.monotonic() + 60
        while len(list(tmp_path.glob("weights-*"))) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130 and "Traceback" not in err and "Stopped." in err
    run = Run.load(tmp_path)
    assert run.info.state == "stopped" and run.snapshots[-1].step == run.info.step > 0
    assert run.model().log_prob(torch.zeros(1, 2)).isfinite().all()


def test_evaluate_measures_on_fresh_points(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "evaluate", stored, "--device", "cpu")
    assert code == 0 and "measured on        CPU" in out
    numbers = next(line for line in out.splitlines() if line.startswith("KL")).split()
    kl, error = float(numbers[3]), float(numbers[5])
    metrics = Run.load(stored).snapshots[-1].metrics
    # Two independent estimates: 5 standard errors of their difference, false alarm 6e-7 at the first seed.
    assert kl == pytest.approx(metrics["kl"], abs=5 * (error**2 + metrics["kl_error"] ** 2) ** 0.5 + 1e-4)
    assert kl != metrics["kl"]


def test_sample_writes_csv_and_safetensors(stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, blob = tmp_path / "points.csv", tmp_path / "points.safetensors"
    for path in (table, blob):
        code, out, _ = call(capsys, "sample", stored, "-n", 500, "--seed", 7, "--out", path, "--device", "cpu")
        assert code == 0 and "500 samples" in out
    assert table.read_text().startswith("x,y\n")
    points = np.loadtxt(table, delimiter=",", skiprows=1)
    samples = unpack(blob.read_bytes())[0]["samples"]
    assert samples.shape == (500, 2) and samples.dtype == np.float32
    assert np.array_equal(points.astype(np.float32), samples)
    expected = Run.load(stored).model().sample(500, rng=make_rng(7))
    assert np.array_equal(expected.numpy(), samples)


def test_sample_at_temperature_zero(stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "points.csv"
    call(capsys, "sample", stored, "-n", 3, "--temperature", 0, "--out", out, "--device", "cpu")
    points = np.loadtxt(out, delimiter=",", skiprows=1)
    assert np.allclose(points, points[0], atol=1e-6)


@pytest.mark.parametrize("n", ["0", "-1", "x", "1e99", "99999999"])
def test_an_impossible_count_is_refused(stored: Path, n: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "sample", stored, "-n", n, "--out", "x.csv")
    assert code == 2 and "Samples: expected a whole number from 1" in err


ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from taken_home import load
import torch
assert not any(name == "engines" or name.startswith("engines.") for name in sys.modules)
model = load(sys.argv[2])
x = torch.tensor(json.loads(sys.argv[3]))
samples = model.sample(5, rng=torch.Generator().manual_seed(3))
print(json.dumps({"log_prob": model.log_prob(x).tolist(), "samples": samples.tolist()}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", [key for key, spec in MODELS.items() if "log_prob" not in spec.absent and "plane" in spec.takes]
)
def test_the_exported_script_is_the_model(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, script = tmp_path / "run", tmp_path / "taken_home.py"
    assert call(capsys, "train", key, "--dataset", "moons", "--steps", 5, "--device", "cpu", "--out", run)[0] == 0
    assert call(capsys, "export", run, "--out", script)[0] == 0
    assert call(capsys, "export", run)[1] == script.read_text()
    assert "import engines" not in script.read_text() and "from engines" not in script.read_text()
    model = Run.load(run).model()
    x = 2 * torch.randn(20, 2, generator=make_rng(0))
    weights = str(run / "weights.safetensors")
    alone: dict[str, Any] = {
        "cwd": tmp_path,
        "env": {"PATH": os.environ["PATH"]},
        "capture_output": True,
        "timeout": 60,
    }
    done = subprocess.run([sys.executable, "-c", ASK, tmp_path, weights, json.dumps(x.tolist())], **alone)
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert np.allclose(told["log_prob"], model.log_prob(x), rtol=0, atol=1e-6)
    assert np.allclose(told["samples"], model.sample(5, rng=make_rng(3)), rtol=0, atol=1e-6)
    shown = subprocess.run([sys.executable, script, weights], **alone)
    assert shown.returncode == 0 and shown.stdout.startswith(b"tensor(")


@pytest.mark.slow
def test_it_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "engines", "list"], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 0 and b"realnvp" in done.stdout


def test_the_first_samples_are_the_same_whatever_n_and_those_of_the_api(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = {}
    for n in (5, 100, 1000):
        out = tmp_path / f"{n}.safetensors"
        assert call(capsys, "sample", stored, "-n", n, "--seed", 3, "--out", out, "--device", "cpu")[0] == 0
        drawn[n] = unpack(out.read_bytes())[0]["samples"]
    with torch.no_grad():
        api = Run.load(stored).model().sample(5, rng=make_rng(3)).numpy()
    assert all(np.allclose(samples[:5], api, rtol=0, atol=1e-5) for samples in drawn.values())
