//! `cat`, `get`, `ls`: the same bytes.

use rookery_tests::kubo::Profile;

use super::{Call, EMPTY_FOLDER, Pair, added, folder, noise};

#[test]
fn every_part_of_a_file_reads_the_same() {
    let Some(mut pair) = Pair::or_skip("side by side: cat", Profile::AsItComes) else { return };
    for flags in ["", "cid-version=1&chunker=size-1000"] {
        let file = added(&pair.same(&Call::new(&format!("add?{flags}")).file(&noise(600_000))));
        let whole = pair.same_path(&format!("cat?arg={file}"));
        assert_eq!(whole.body, noise(600_000));
        for part in [
            "offset=0",
            "offset=262143&length=3",
            "offset=599999",
            "offset=600000",
            "offset=600001",
            "length=0",
            "length=999",
            "offset=1&length=9999999",
        ] {
            pair.same_path(&format!("cat?arg=/ipfs/{file}&{part}"));
        }
        pair.same_path(&format!("cat?arg={file}&arg={file}"));
        pair.same_path(&format!("cat?arg={file}&offset=-1"));
        pair.same_path(&format!("cat?arg={file}&length=-1"));
    }
}

#[test]
fn paths_into_folders_are_found_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: paths", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    for path in ["a.txt", "sub/b.txt", "sub/zo%C3%AB%20%26%20co.txt", "nowhere", "sub/nowhere", "sub", ""] {
        pair.same_path(&format!("cat?arg={dir}/{path}"));
        pair.same_path(&format!("ls?arg=/ipfs/{dir}/{path}"));
    }
    pair.same(&Call::new(&format!("cat?arg={dir}/a.txt/below")).in_other_words());
}

#[test]
fn folders_are_listed_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: ls", Profile::AsItComes) else { return };
    for flags in ["cid-version=1", ""] {
        let dir = added(&pair.same(&Call::new(&format!("add?{flags}")).form(folder())));
        for flags in
            ["", "stream=true", "resolve-type=false", "size=false", "resolve-type=false&size=false", "headers=true"]
        {
            pair.same_path(&format!("ls?arg={dir}&{flags}"));
            pair.same_path(&format!("ls?arg={dir}/sub&{flags}"));
        }
    }
    pair.same_path(&format!("ls?arg={EMPTY_FOLDER}"));
}

#[test]
fn get_has_the_same_files_in_the_same_order() {
    let Some(mut pair) = Pair::or_skip("side by side: get", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    for path in [dir.clone(), format!("{dir}/a.txt"), format!("{dir}/sub"), format!("/ipfs/{dir}")] {
        let call = Call::new(&format!("get?arg={path}"));
        let (ours, kubos) = pair.both(&call);
        let (of_ours, of_kubos) = (entries(&ours.body), entries(&kubos.body));
        for (ours, kubos) in of_ours.iter().zip(&of_kubos) {
            assert_eq!((&ours.0, ours.1, ours.2), (&kubos.0, kubos.1, kubos.2), "{path}");
            assert!(ours.3 == kubos.3, "{path}: the content of {}", ours.0);
        }
        assert_eq!(of_ours.len(), of_kubos.len(), "{path}");
        for name in ["content-type", "x-stream-output", "x-content-length"] {
            assert_eq!(ours.header(name), kubos.header(name), "{name} of {path}");
        }
    }
}

/// What a tar file holds: name, kind, mode and content. Times and what only says the time are left out.
fn entries(tar: &[u8]) -> Vec<(String, char, u32, Vec<u8>)> {
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim_end_matches('\0').to_owned();
    let octal = |field: &[u8]| u32::from_str_radix(text(field).trim(), 8).expect("an octal number");
    let (mut entries, mut rest, mut long_name) = (Vec::new(), tar, None);
    while let Some((head, behind)) = rest.split_at_checked(512) {
        if head[0] == 0 {
            break;
        }
        let length = octal(&head[124..136]) as usize;
        let (kind, content) = (char::from(head[156]), &behind[..length]);
        match kind {
            'x' => long_name = extended_path(content),
            _ => {
                let name = long_name.take().unwrap_or_else(|| ustar_path(&text(&head[345..500]), &text(&head[..100])));
                entries.push((name, kind, octal(&head[100..108]), content.to_vec()));
            }
        }
        rest = &behind[length.next_multiple_of(512)..];
    }
    entries
}

fn ustar_path(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// The path in an extended header, for a name that is long or not ASCII: `31 path=…` and a line feed.
fn extended_path(header: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(header).into_owned();
    text.lines().find_map(|line| line.split_once(" path=")).map(|(_, path)| path.to_owned())
}
