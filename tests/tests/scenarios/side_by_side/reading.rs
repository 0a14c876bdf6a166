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
    for path in
        ["a.txt", "sub/b.txt", "sub/zo%C3%AB%20%26%20co.txt", "nowhere", "sub/nowhere", "a.txt/below", "sub", ""]
    {
        pair.same_path(&format!("cat?arg={dir}/{path}"));
        pair.same_path(&format!("ls?arg=/ipfs/{dir}/{path}"));
    }
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
        assert_eq!(entries(&ours.body), entries(&kubos.body), "{path}");
        for name in ["content-type", "x-stream-output", "x-content-length"] {
            assert_eq!(ours.header(name), kubos.header(name), "{name} of {path}");
        }
    }
}

/// What a tar file holds: name, kind, mode and content. Times and what only says the time are left out.
fn entries(tar: &[u8]) -> Vec<(String, char, u32, Vec<u8>)> {
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim_end_matches('\0').to_owned();
    let octal = |field: &[u8]| u32::from_str_radix(text(field).trim(), 8).expect("an octal number");
    let (mut entries, mut rest) = (Vec::new(), tar);
    while let Some((head, behind)) = rest.split_at_checked(512) {
        if head[0] == 0 {
            break;
        }
        let length = octal(&head[124..136]) as usize;
        let kind = char::from(head[156]);
        let prefix = text(&head[345..500]);
        let name = if prefix.is_empty() { text(&head[..100]) } else { format!("{prefix}/{}", text(&head[..100])) };
        if !matches!(kind, 'x' | 'g') {
            entries.push((name, kind, octal(&head[100..108]), behind[..length].to_vec()));
        }
        rest = &behind[length.next_multiple_of(512)..];
    }
    entries
}
