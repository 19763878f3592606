"""The edge workloads: what they compute is right, with eight threads too, and a task alone waits for about the share that the paper has."""

import importlib
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import children, efficiency, interpreters, reference
from evaluation.calibration import least, seconds_of_each, wait_for
from evaluation.children import PACKAGE_PARENT
from evaluation.command import cache_folder
from evaluation.edge import analytics, fusion, mobilenet, mobilenet_graph, rag, slm, vision, voice
from evaluation.edge.kept import made_once
from evaluation.edge.preparation import package, prepare
from evaluation.interpreters import Interpreter
from evaluation.machine import Observer
from evaluation.plan import LIBRARY_MOST
from evaluation.results import Results
from evaluation.services import upstream
from evaluation.workloads import _TABLE_XIII, EDGE, THREAD_COUNTS, WORKLOADS, Setting


@pytest.fixture(scope="session")
def setting(tmp_path_factory):
    made = Setting(1.0, 1.0, cache=str(tmp_path_factory.mktemp("edge")))
    silero = reference.install(interpreters.describe(sys.executable, PACKAGE_PARENT), cache_folder(), package("silero-vad"))
    children.call(sys.executable, "model", {"workload": "voice", "cache": made.cache}, 60.0, silero)
    return made


@pytest.fixture(scope="session")
def compute(setting):
    """The computation of a workload, by its name."""
    return {name: importlib.import_module(f"evaluation.edge.{row[0]}").build(setting) for name, row in _TABLE_XIII.items()}


@pytest.mark.parametrize("size", vision.FILTERS)
def test_a_convolution_is_the_one_that_fourier_transforms_give(size):
    image, kernels = vision.picture(), vision.kernels()
    found = vision.Stage(kernels).convolve(image, size)
    shape = [vision.SIZE + size - 1] * 2
    for number, kernel in enumerate(kernels[size]):
        whole = np.fft.irfft2(np.fft.rfft2(image, shape) * np.fft.rfft2(kernel, shape), shape)
        inner = slice(size - 1, vision.SIZE)
        assert np.allclose(found[..., number], whole[inner, inner], atol=1e-4)


def test_of_each_two_by_two_the_greatest():
    maps = np.arange(20.0).reshape(4, 5, 1)
    assert vision.pool(maps)[..., 0].tolist() == [[6, 8], [16, 18]]


@pytest.fixture(scope="session")
def listener(setting):
    return voice.Listener(voice.Detector(voice.model(Path(setting.cache)), "one"))


def test_speech_is_told_from_the_noise_of_a_room(listener):
    speech = listener(voice.utterance(0.3, 0.7)).speech >= voice.SPEECH
    assert len(speech) == voice.RATE // voice.WINDOW
    middles = (np.arange(len(speech)) + 0.5) * voice.WINDOW / voice.RATE
    assert speech[(middles > 0.36) & (middles < 0.67)].all()
    assert not speech[(middles < 0.27) | (middles > 0.9)].any()
    assert not (listener(voice.utterance(0, 0)).speech >= voice.SPEECH).any()


def test_cepstra_tell_sounds_apart_but_not_how_loud_they_are(listener):
    sound = voice.utterance(0.0, 1.0)
    found, louder = (listener.cepstra(each)[..., 1 : voice.CEPSTRA] for each in (sound, 2 * sound))
    other = listener.cepstra(voice.utterance(0, 0))[..., 1 : voice.CEPSTRA]
    assert np.allclose(found, louder, atol=1e-6)
    assert abs(found - other).mean() > 1


def test_the_filter_knows_better_than_its_sensors():
    trace = fusion.drive()
    errors = np.hypot(*(fusion.Filter()(trace) - trace.positions).T)
    by_gps = np.hypot(*(trace.fixes - trace.positions[:: fusion.PER_FIX]).T)
    settled = fusion.STEPS // 2
    assert math.sqrt((errors[settled:] ** 2).mean()) < 0.5 * math.sqrt((by_gps**2).mean())


def test_attention_is_the_one_of_the_textbook():
    generator = np.random.default_rng(0)
    block, tokens = slm.Block(generator), generator.normal(0, 1, (12, slm.WIDTH)).astype(np.float32)
    part = slm.WIDTH // slm.HEADS
    queries, keys, values = np.split(tokens.astype(float) @ block.queries_keys_values, 3, axis=1)
    expected = np.zeros_like(queries)
    for head in range(slm.HEADS):
        own = slice(head * part, (head + 1) * part)
        for token in range(len(tokens)):
            weights = np.exp(keys[: token + 1, own] @ queries[token, own] / math.sqrt(part))
            expected[token, own] = weights @ values[: token + 1, own] / weights.sum()
    assert np.allclose(block._attention(tokens), expected, atol=1e-4)


def test_no_token_looks_ahead():
    generator = np.random.default_rng(0)
    block, tokens = slm.Block(generator), generator.normal(0, 1, (12, slm.WIDTH)).astype(np.float32)
    changed = tokens.copy()
    changed[-1] = 0
    assert np.allclose(block(tokens)[:-1], block(changed)[:-1], atol=1e-5)
    assert not np.allclose(block(tokens)[-1], block(changed)[-1], atol=1e-1)


def test_the_summary_of_readings():
    data = analytics.readings()
    summary = analytics.summarize(data)
    assert list(summary.outliers) == [data.index[place] for place in analytics.OUTLIERS]
    assert len(summary.by_minute) == analytics.READINGS / 60
    assert summary.by_minute["power"].iloc[7] == pytest.approx(data["power"].to_numpy()[420:480].mean())
    devices = len(analytics.DEVICES)
    for place, device in enumerate(analytics.DEVICES):
        own = data["temperature"].to_numpy()[place::devices]
        assert summary.by_device.loc[device, "temperature"].tolist() == pytest.approx([own.mean(), own.std(ddof=1), own.max()])


def test_a_passage_is_found_by_its_words(setting):
    retriever, texts = rag.Retriever(rag.index(Path(setting.cache))), rag.passages()
    assert len(texts) > 2000
    telling = [(topic, text) for topic, text in texts if len(set(rag.words(text))) > 12]
    for topic, text in telling[:: len(telling) // 25]:
        question = " ".join(reversed(rag.words(text)))
        found = json.loads(retriever(json.dumps({"question": question})))["passages"]
        assert (found[0]["topic"], found[0]["text"]) == (topic, text), question


def test_both_searches_take_part(setting):
    retriever = rag.Retriever(rag.index(Path(setting.cache)))
    question = "name of a coroutine function that is awaited"
    assert len(list(retriever._by_words(question))) == len(list(retriever._by_vector(question))) == rag.CANDIDATES
    assert list(retriever._by_words(question)) != list(retriever._by_vector(question))


def test_mobilenet_is_the_published_one():
    model = mobilenet_graph.build()
    assert mobilenet_graph.parameters(model) == 3_504_872
    kinds = [node.op_type for node in model.graph.node]
    assert (kinds.count("Conv"), kinds.count("Add"), kinds.count("Clip")) == (52, 10, 35)


def test_mobilenet_scores_what_it_sees(setting):
    classifier = mobilenet.Classifier(mobilenet.model(Path(setting.cache)), "one")
    one, other = classifier(mobilenet.picture(1)), classifier(mobilenet.picture(2))
    assert one.shape == (mobilenet_graph.CLASSES,)
    assert np.isfinite(one).all()
    assert one.std() > 0
    assert not np.allclose(one, other)
    as_they_come = mobilenet.Classifier(mobilenet.model(Path(setting.cache)), "as-they-come")
    assert np.allclose(as_they_come(mobilenet.picture(1)), one, rtol=1e-4, atol=1e-5)


def same(one, other):
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (pd.DataFrame, pd.Index)):
        return one.equals(other)
    return np.array_equal(one, other)


@pytest.mark.parametrize("name", EDGE)
def test_eight_threads_compute_what_one_does(name, compute):
    expected = compute[name]()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: compute[name](), range(64)))
    assert all(same(each, expected) for each in results)


@pytest.mark.parametrize("name", EDGE)
def test_a_task_alone_waits_for_the_share_it_should(name, setting):
    """By the least times of many: what disturbs only adds. Where others use the machine throughout there is nothing to be learned."""
    workload = WORKLOADS[name]
    with upstream(os.sched_getaffinity(0)) as service:
        observer = Observer(service.cpu_seconds)
        alone = Setting(1.0, 1.0, port=service.port, cache=setting.cache)
        for _ in range(8):
            wait = wait_for(workload.make(alone), workload.beta)
            task = workload.make(Setting(1.0, 1.0, port=service.port, cache=setting.cache, waits={name: wait}))
            cpu, wall = least(seconds_of_each(task) for _ in range(20))
            assert wall >= wait / 1e6
            if abs(1 - cpu / wall - workload.beta) < 0.08:
                return
        seen = observer.end()
    if seen.is_too_much:
        pytest.skip(f"others used {seen.others:.2f} cores")
    pytest.fail(f"beta is {1 - cpu / wall:.2f} with a request of {wait} us, not about {workload.beta}")


COUNT_THREADS = """
import os, sys
from evaluation.workloads import WORKLOADS, Setting
WORKLOADS["slm"].make(Setting(1.0, 1.0, port=1, library_threads=sys.argv[1]))
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("library_threads", ["one", "as-they-come"])
def test_the_threads_of_a_library(library_threads):
    environment = {name: value for name, value in children.environment(PACKAGE_PARENT).items() if name not in THREAD_COUNTS}
    command = [sys.executable, "-c", COUNT_THREADS, library_threads]
    threads = int(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=50).stdout)
    several = library_threads == "as-they-come" and len(os.sched_getaffinity(0)) > 1
    assert (threads > 1) == several


CALL_AT_ONCE = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from evaluation.edge import slm
threads, compute, end = int(sys.argv[1]), slm.build(None), time.monotonic() + 2

def until_the_end():
    while time.monotonic() < end:
        compute()

with ThreadPoolExecutor(threads) as pool:
    for future in [pool.submit(until_the_end) for _ in range(threads)]:
        future.result()
"""


def test_a_library_survives_as_many_calls_at_once_as_it_gets():
    """With 160 threads NumPy's OpenBLAS 0.3.31 crashes on two cores every time."""
    environment = {name: value for name, value in children.environment(PACKAGE_PARENT).items() if name not in THREAD_COUNTS}
    subprocess.run([sys.executable, "-c", CALL_AT_ONCE, str(LIBRARY_MOST)], env=environment, check=True, timeout=100)


def test_what_is_kept_is_made_once(tmp_path):
    source, made = tmp_path / "source.py", []

    def make(file):
        made.append(file)
        file.write_text("made")

    source.write_text("1")
    first = made_once(tmp_path, "name.txt", str(source), make)
    assert made_once(tmp_path, "name.txt", str(source), make) == first
    assert first.read_text() == "made"
    source.write_text("2")
    assert made_once(tmp_path, "name.txt", str(source), make) != first
    assert len(made) == 2
    assert not list(tmp_path.glob("*.partial"))


def test_a_library_that_cannot_be_had_leaves_its_workload_out(tmp_path):
    nowhere = Interpreter("3.11", "3.11.99", str(tmp_path / "python"), False, "")
    found = prepare(nowhere, [WORKLOADS["micro"], WORKLOADS["voice"]], tmp_path, PACKAGE_PARENT, {}, [0])
    assert found.libraries == found.waits == {}
    assert found.left_out.keys() == {"voice"}
    assert f"pip could not install onnxruntime=={package('onnxruntime').version}" in found.left_out["voice"]


def test_a_run_that_has_nothing_left_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("BETAPOOL_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(SystemExit, match=r"error: nothing is left to measure: .*fusion left out: pip could not install numpy"):
        efficiency.main(["--quick", "--workloads", "fusion", "--pythons", sys.executable, "--json", str(tmp_path / "results.jsonl")])


@pytest.mark.timeout(300)
def test_a_run_and_its_resumption(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    options = ["--quick", "--workloads", "voice", "--pythons", sys.executable, "--seconds", "1", "--static-seconds", "0.5"]
    options += ["--only-strategies", "adaptive", "--json", str(file)]
    assert efficiency.main(options) == 0
    results = Results(file)
    assert all(outcome.values for outcome in results.outcomes.values())
    [setting] = results.runs[0]["settings"].values()
    assert setting["waits"].keys() == {"voice"}
    assert results.runs[0]["left_out"] == []

    assert efficiency.main([*options, "--resume"]) == 0
    assert Results(file).runs[1]["settings"] == results.runs[0]["settings"], "the tasks stay the same"
    assert Results(file).outcomes == results.outcomes, "nothing was measured again"
    capsys.readouterr()
    with pytest.raises(SystemExit, match="was measured with --library-threads one"):
        efficiency.main([*options, "--resume", "--library-threads", "as-they-come"])
