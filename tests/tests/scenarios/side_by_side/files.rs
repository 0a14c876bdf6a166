//! `files/*`: a writable folder.

use rookery_tests::kubo::Profile;

use super::{Call, Pair, added, folder};

#[test]
fn a_writable_folder_behaves_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: files/*", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    let file = added(&pair.same(&Call::new("add?cid-version=1").file(b"hello\n")));
    let paths = [
        "files/ls".to_owned(),
        "files/mkdir?arg=/a/b&parents=true&cid-version=1".to_owned(),
        "files/mkdir?arg=/a/b&cid-version=1".to_owned(),
        "files/mkdir?arg=/a/b&parents=true&cid-version=1".to_owned(),
        format!("files/cp?arg=/ipfs/{file}&arg=/a/hello"),
        format!("files/cp?arg=/ipfs/{file}&arg=/a/hello"),
        format!("files/cp?arg=/ipfs/{file}&arg=/nowhere/hello"),
        format!("files/cp?arg=/ipfs/{file}&arg=/made/hello&parents=true"),
        format!("files/cp?arg=/ipfs/{dir}&arg=/dir"),
        "files/cp?arg=/a/hello&arg=/a/again".to_owned(),
        "files/stat?arg=/a/hello".to_owned(),
        "files/stat?arg=/dir/sub".to_owned(),
        "files/stat?arg=/dir/sub/b.txt".to_owned(),
        "files/ls?arg=/a".to_owned(),
        "files/ls?arg=/a&long=true".to_owned(),
        "files/ls?arg=/dir&long=true".to_owned(),
        "files/ls?arg=/a/hello".to_owned(),
        "files/read?arg=/a/hello".to_owned(),
        "files/read?arg=/a/hello&offset=1&count=3".to_owned(),
        "files/read?arg=/a/hello&offset=99".to_owned(),
        "files/read?arg=/dir/sub/b.txt&offset=250000".to_owned(),
        "files/read?arg=/a".to_owned(),
        "files/flush?arg=/dir".to_owned(),
        "files/rm?arg=/dir".to_owned(),
        "files/rm?arg=/dir&recursive=true".to_owned(),
        "files/rm?arg=/dir".to_owned(),
        "files/rm?arg=/dir&force=true".to_owned(),
        "files/rm?arg=/a/hello&arg=/a/again".to_owned(),
        "files/stat?arg=/a/hello".to_owned(),
        "files/ls".to_owned(),
    ];
    for path in &paths {
        let call = Call::new(path);
        pair.same(&if path.starts_with("files/rm") { call.in_other_words() } else { call });
    }
}

#[test]
fn a_file_is_written_in_places_and_reads_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: files/write", Profile::AsItComes) else { return };
    let writes: [(&str, &[u8]); 9] = [
        ("arg=/f", b"refused without create"),
        ("arg=/f&create=true", b"hello, world"),
        ("arg=/f&offset=7", b"there"),
        ("arg=/f&offset=20", b"behind a hole"),
        ("arg=/f&offset=3&count=2", b"only two of these"),
        ("arg=/f&truncate=true", b"short"),
        ("arg=/deep/f&create=true", b"refused without parents"),
        ("arg=/deep/f&create=true&parents=true", b"deep"),
        ("arg=/deep&create=true", b"a folder is there"),
    ];
    for (flags, bytes) in writes {
        pair.same(&Call::new(&format!("files/write?cid-version=1&raw-leaves=true&{flags}")).file(bytes));
        pair.same_path("files/read?arg=/f");
        pair.same(&Call::new("files/stat?arg=/f").masking(&["Hash", "CumulativeSize", "Blocks"]));
    }
    pair.same_path("files/read?arg=/deep/f");
}
