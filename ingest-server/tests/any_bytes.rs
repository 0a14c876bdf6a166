//! The fuzzer's entry with the stable compiler: its corpus at every cut, and streams made of what the protocol is made of.

#[path = "../../fuzz/entry.rs"]
mod entry;

use std::{fs, path::Path};

use proptest::prelude::*;

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/upload");
    let files = fs::read_dir(folder).expect("the corpus is in the repository");
    files.map(|file| fs::read(file.expect("an entry").path()).expect("a file of the corpus")).collect()
}

#[test]
fn the_corpus_means_the_same_however_it_is_cut() {
    let corpus = corpus();
    assert!(corpus.len() >= 5);
    for mut stream in corpus {
        for size in 1..=u8::try_from(stream.len()).unwrap_or(u8::MAX) {
            stream[0] = size;
            entry::upload(&stream);
        }
    }
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"This is the end of the file: ".to_vec()),
        Just(b"This is the end".to_vec()),
        Just(b"0.1234567890123456".to_vec()),
        Just(b"resume ".to_vec()),
        Just(b"tls ".to_vec()),
        Just(b"0123456789abcdef0011223344556677".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(size in any::<u8>(), words in proptest::collection::vec(word(), 0..12)) {
        entry::upload(&[&[size][..], &words.concat()].concat());
    }
}
