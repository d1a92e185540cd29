"""Data sets: reading tables and refusing bad ones, splits, standardisation, label encoding, the digits."""

import builtins

import numpy as np
import pytest

from lamina.datasets import LabelEncoder, Standardizer, digits, quantile_edges, read_table, split


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_datasets_csv_with_each_separator(tmp_path, separator):
    text = "a,b,kind\n1,2.5,cat\n-3e2, 4 ,dog\n\n".replace(",", separator)
    table = read_table(write(tmp_path / "x.csv", text), target="kind")
    assert table.columns == ["a", "b"]
    assert table.target.tolist() == ["cat", "dog"]
    np.testing.assert_array_equal(table.features, [[1, 2.5], [-300, 4]])


def test_datasets_csv_mark_quotes_and_missing_last_newline(tmp_path):
    table = read_table(write(tmp_path / "x.csv", '\ufeff"a,1",y\n"1","l\n2"\n3,"é"'), target="y")
    assert table.columns == ["a,1"]
    assert table.target.tolist() == ["l\n2", "é"]


def test_datasets_csv_numeric_target_and_chosen_columns(tmp_path):
    file = write(tmp_path / "x.csv", "id,b,a,y\nx7,1,2,0\nx8,3,4,1.5\n")
    table = read_table(file, target="y", columns=["a", "b"])
    np.testing.assert_array_equal(table.features, [[2, 1], [4, 3]])
    np.testing.assert_array_equal(table.target, [0, 1.5])
    assert read_table(file, columns=["b"]).target is None


def test_datasets_csv_longer_than_a_block(tmp_path):
    rows = [f"{i},{i % 7},c{i % 3}" for i in range(40_000)]
    table = read_table(write(tmp_path / "x.csv", "a,b,y\n" + "\n".join(rows)), target="y")
    np.testing.assert_array_equal(table.features, [[i, i % 7] for i in range(40_000)])
    assert table.target[39_999] == "c0"
    rows[30_000] = "1,,c0"
    with pytest.raises(ValueError, match="row 30001, column 'b'"):
        read_table(write(tmp_path / "x.csv", "a,b,y\n" + "\n".join(rows)), target="y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,y\n1,2,3\n1,,4\n", "row 2, column 'b' of .*: '' given, a missing value"),
        ("a,b,y\n1,NaN,3\n", "row 1, column 'b' of .*: 'NaN' given, a missing value"),
        ("a,b,y\n1,2,3\nNA,2,3\n", "row 2, column 'a' of .*: 'NA' given, a missing value"),
        ("a,b,y\n1,inf,3\n", "row 1, column 'b' of .*: 'inf' given, a finite number"),
        ("a,b,y\n1,2,3\n1,red,4\n", "row 2, column 'b' of .*: 'red' given, features must be numbers for now"),
        ("a,b,y\n1,2,\n", "row 1, column 'y' of .* every row needs a target"),
        ("a,b,y\n1,2,3\n1,2,nan\n", "row 2, column 'y' of .* every row needs a target"),
        ("a,b,y\n1,2,inf\n", "row 1, column 'y' of .*: inf given"),
        ("a,b,y\n1,2,3\n1,2\n", "row 2 of .* has 2 cells, the header 3"),
        ("a,b,z\n1,2,3\n", "no column 'y'; its columns are a, b, z"),
        ("y\n1\n", "no columns beside the target 'y'"),
        ("a,a,y\n1,2,3\n", "the name 'a' twice"),
        (",b,y\n1,2,3\n", "no name for column 1"),
        ("a,b,y\n", "a header and no rows"),
        ("", "is empty"),
        ("\n", "is empty"),
        ('a,b,y\n1,"2,3\n', "not a readable table"),
    ],
)
def test_datasets_csv_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match="read_table: .*" + message):
        read_table(write(tmp_path / "x.csv", text), target="y")


def test_datasets_csv_that_is_no_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="not a readable table"):
        read_table(tmp_path / "x.csv", target="y")


def test_datasets_npz_matrix_and_vectors(tmp_path):
    X = np.arange(6, dtype=np.uint8).reshape(3, 2)
    np.savez(tmp_path / "x.npz", X=X, y=np.array([1, 0, 1]), age=np.array([5.0, 6.0, 7.0], np.float32))
    table = read_table(tmp_path / "x.npz", target="y")
    assert table.columns == ["X[0]", "X[1]", "age"]
    np.testing.assert_array_equal(table.features, [[0, 1, 5], [2, 3, 6], [4, 5, 7]])
    np.testing.assert_array_equal(table.target, [1, 0, 1])
    np.savez(tmp_path / "x.npz", X=X, y=np.array(["a", "b", "a"]))
    assert read_table(tmp_path / "x.npz", target="y").target.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.ones((2, 2))}, r"no column 'y'; its columns are X\[0\], X\[1\]"),
        ({"X": np.ones((2, 2)), "y": np.ones(3)}, "differ in rows: 2, 3"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, "no rows"),
        ({"X": np.ones((2, 2, 2)), "y": np.ones(2)}, "1 or 2 axes"),
        ({"X": np.array([[1, np.nan], [1, 1]]), "y": np.ones(2)}, r"row 1, column 'X\[1\]'"),
        ({"X": np.ones((2, 1)), "y": np.array([0, np.inf])}, "row 2, column 'y'"),
        ({"X": np.array([["a"], ["b"]]), "y": np.ones(2)}, "features must be numbers for now"),
        ({"X": np.ones((2, 1)), "y": np.array([1j, 2])}, "numbers or text"),
        ({"X": np.array([{}, {}]), "y": np.ones(2)}, "plain arrays"),
        ({"y": np.ones(2)}, "no columns beside"),
    ],
)
def test_datasets_npz_mistakes_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match="read_table: .*" + message):
        read_table(tmp_path / "x.npz", target="y")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"a,b\n1,2\n"])
def test_datasets_npz_that_is_none(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match="read_table: .*not a readable"):
        read_table(tmp_path / "x.npz", target="y")


def test_datasets_npz_with_a_damaged_array_or_a_single_one(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", X=np.arange(4000.0).reshape(1000, 4), y=np.ones(1000))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[200:260] = bytes(60)
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match="read_table: .*not a readable"):
        read_table(tmp_path / "x.npz", target="y")
    with open(tmp_path / "x.npz", "wb") as file:
        np.save(file, np.ones((3, 2)))
    with pytest.raises(ValueError, match="single array"):
        read_table(tmp_path / "x.npz", target="y")


def test_datasets_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "x.csv")


@pytest.mark.parametrize("labelled", [False, True])
def test_datasets_split_is_a_partition_and_keyed(labelled):
    labels = np.arange(103) % 4 if labelled else None
    parts = split(103, 0.2, 0.1, labels=labels, seed=5)
    assert [len(part) for part in parts] == [72, 21, 10]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(103))
    for again, part in zip(split(103, 0.2, 0.1, labels=labels, seed=5), parts, strict=True):
        np.testing.assert_array_equal(again, part)
    assert not np.array_equal(split(103, 0.2, 0.1, labels=labels, seed=6)[0], parts[0])


def test_datasets_split_keeps_the_classes_in_proportion():
    labels = np.repeat([0, 1, 2], [1000, 300, 20])
    for part, size in zip(split(1320, 0.25, 0.25, labels=labels, seed=1), (660, 330, 330), strict=True):
        assert len(part) == size
        counts = np.bincount(labels[part], minlength=3)
        assert np.abs(counts - np.array([1000, 300, 20]) * size / 1320).max() <= 1.5


def test_datasets_split_takes_numbers_of_rows():
    assert [len(part) for part in split(20, 3, 0)] == [17, 3, 0]
    assert [len(part) for part in split(20, 0.0, 5)] == [15, 0, 5]


@pytest.mark.parametrize(
    ("validation", "test"),
    [(1.0, 0.1), (-0.1, 0.1), (float("nan"), 0.1), (0.6, 0.4), (10, 0), (-1, 0), ("1", 0), (True, 0)],
)
def test_datasets_split_refuses(validation, test):
    with pytest.raises(ValueError, match="split:"):
        split(10, validation, test)


def test_datasets_split_refuses_labels_of_another_length():
    with pytest.raises(ValueError, match="one label a row"):
        split(10, labels=np.zeros(9))


def test_datasets_standardizer_round_trip_and_constants(rng):
    x = rng.normal(5, 3, (50, 4))
    x[:, 1] = 0.1  # its computed deviation is not exactly 0
    x[:, 2] = 1e8 + rng.normal(size=50)
    scaler = Standardizer.fit(x)
    z = scaler.transform(x)
    np.testing.assert_allclose(z[:, [0, 2, 3]].mean(0), 0, atol=1e-7)
    np.testing.assert_allclose(z[:, [0, 2, 3]].std(0), 1, rtol=1e-7)
    np.testing.assert_array_equal(z[:, 1], 0)
    np.testing.assert_allclose(scaler.inverse_transform(z), x, rtol=1e-12)


@pytest.mark.parametrize("x", [np.ones(3), np.ones((0, 3)), np.array([[np.nan], [1]]), np.array([[1e300], [-1e300]])])
def test_datasets_standardizer_refuses(x):
    with pytest.raises(ValueError, match="Standardizer.fit:"):
        Standardizer.fit(x)


@pytest.mark.parametrize("weight", [[1, -1, 1], [0, 0, 0], [1, 1], [1, np.nan, 1], [[1], [1], [1]]])
def test_datasets_standardizer_refuses_weights(weight):
    with pytest.raises(ValueError, match="^Standardizer.fit: sample_weight "):
        Standardizer.fit(np.arange(6.0).reshape(3, 2), sample_weight=weight)


def test_datasets_standardizer_leaves_rows_of_weight_zero_out():
    scaler = Standardizer.fit(np.array([[0.1, 1], [0.1, 3], [0.1, 3], [7, np.nan]]), sample_weight=[1, 1, 1, 0])
    assert scaler.mean[0] == 0.1 and scaler.deviation[0] == 1
    np.testing.assert_allclose(scaler.mean[1], 7 / 3)


def test_datasets_standardizer_refuses_other_columns():
    with pytest.raises(ValueError, match=r"\(rows, 2\) is needed"):
        Standardizer([0, 0], [1, 1]).transform(np.ones((3, 3)))
    with pytest.raises(ValueError, match="above 0"):
        Standardizer([0.0], [0.0])


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([3, -1, 3], [-1, 3]),
        ([1.0, 0.0, 2.0], [0, 1, 2]),
        ([0.5, 0.25], [0.25, 0.5]),
        ([True, False], [0, 1]),
    ],
)
def test_datasets_label_encoder_round_trip(labels, classes):
    encoder = LabelEncoder.fit(labels)
    assert encoder.classes.tolist() == classes
    assert [type(value) for value in encoder.classes.tolist()] == [type(value) for value in classes]
    numbers = encoder.transform(labels)
    assert numbers.dtype == np.int64
    np.testing.assert_array_equal(encoder.inverse_transform(numbers), labels)


def test_datasets_label_encoder_refuses():
    with pytest.raises(ValueError, match="'c' given, classes are 'a', 'b'"):
        LabelEncoder(["a", "b"]).transform(["a", "c"])
    with pytest.raises(ValueError, match="classes are"):
        LabelEncoder(["a", "b"]).transform([1, 2])
    with pytest.raises(ValueError, match="distinct and sorted"):
        LabelEncoder(["b", "a"])
    with pytest.raises(ValueError, match=r"\[0, 2\)"):
        LabelEncoder(["a", "b"]).inverse_transform([2])


def test_datasets_digits():
    pytest.importorskip("sklearn")
    images, labels = digits()
    assert images.shape == (1797, 64) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 1
    assert labels.dtype == np.int64 and np.unique(labels).tolist() == list(range(10))


def test_datasets_digits_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without_sklearn(name, *arguments, **keywords):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_sklearn)
    with pytest.raises(ImportError, match=r"lamina\[demo\]' \(in a clone: pip install '\.\[demo\]'"):
        digits()


def test_datasets_quantile_edges_share_the_rows(rng):
    x = rng.normal(size=4001) ** 3
    edges = quantile_edges(x, 20)
    assert len(edges) == 21 and np.array_equal(edges, np.unique(edges.astype(np.float32)))
    assert edges[0] == np.float32(x.min()) and edges[-1] == np.float32(x.max())
    assert np.ptp(np.histogram(x, edges[1:-1])[0]) <= 2


def test_datasets_quantile_edges_of_few_values_count_once():
    assert quantile_edges([0] * 51 + [1] * 49, 10).tolist() == [0, 1]
    assert quantile_edges([0] * 90 + [1, 2, 3], 4).tolist() == [0, 3]
    assert quantile_edges([1.0, 1 + 1e-12, 2.0], 2).tolist() == [1, 2]  # equal in float32


@pytest.mark.parametrize("x, bins", [([], 3), ([1.0, 1.0], 3), ([[1.0, 2.0]], 3), ([1.0, 2.0], 0)])
def test_datasets_quantile_edges_mistakes_are_told(x, bins):
    with pytest.raises(ValueError, match="quantile_edges: "):
        quantile_edges(x, bins)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3.5e38, -1e300])
def test_datasets_quantile_edges_refuses_what_is_not_finite_in_float32(bad):
    with pytest.raises(ValueError, match=r"quantile_edges: x\[1\] is .*finite in float32 are needed"):
        quantile_edges([1.0, bad, 2.0], 2)
    assert quantile_edges([-3.4e38, 3.4e38], 1).tolist() == pytest.approx([-3.4e38, 3.4e38])
