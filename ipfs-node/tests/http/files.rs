//! The writable folder.

use serde_json::{Value, json};

use crate::support::{Rig, file, noise};

async fn write(rig: &Rig, query: &str, content: impl AsRef<[u8]>) {
    let answer = rig.upload(&format!("files/write?{query}"), &[file("f", content)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn read(rig: &Rig, path: &str) -> String {
    rig.post(&format!("files/read?arg={path}")).await.text()
}

async fn stat(rig: &Rig, path: &str) -> Value {
    rig.post(&format!("files/stat?arg={path}")).await.json()
}

async fn hash(rig: &Rig, path: &str) -> Value {
    stat(rig, path).await["Hash"].clone()
}

async fn names(rig: &Rig, path: &str) -> Vec<String> {
    let listing = rig.post(&format!("files/ls?arg={path}")).await.json();
    let entries = listing["Entries"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_written_anywhere_in_a_file() {
    let rig = Rig::start().await;
    write(&rig, "arg=/f&create=true", "hello").await;
    write(&rig, "arg=/f&offset=3", "XYZW").await;
    assert_eq!(read(&rig, "/f").await, "helXYZW");
    write(&rig, "arg=/f&offset=1", "-").await;
    assert_eq!(read(&rig, "/f").await, "h-lXYZW");
    write(&rig, "arg=/f&offset=10", "end").await;
    assert_eq!(read(&rig, "/f").await, "h-lXYZW\0\0\0end");
    write(&rig, "arg=/f&truncate=true&count=2", "abcdef").await;
    assert_eq!(read(&rig, "/f").await, "ab");
    assert_eq!(rig.post("files/read?arg=/f&offset=1&count=1").await.text(), "b");
    let past = rig.post("files/read?arg=/f&offset=100").await;
    assert_eq!(past.message(), "offset was past end of file (100 > 2)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_changed_in_the_middle() {
    let rig = Rig::start().await;
    let mut content = noise(1, 1_500_000);
    write(&rig, "arg=/f&create=true&raw-leaves=true", &content).await;
    write(&rig, "arg=/f&offset=700000", noise(2, 300_000)).await;
    content[700_000..1_000_000].copy_from_slice(&noise(2, 300_000));
    assert!(rig.post("files/read?arg=/f").await.body == content);
    assert_eq!(rig.post("files/stat?arg=/f").await.json()["Size"], 1_500_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_new_file_has_the_cid_that_kubo_gives_it() {
    let rig = Rig::start().await;
    write(&rig, "arg=/plain&create=true", "hello").await;
    let expected = json!({"Hash": "QmSYVhw7DFAQTznBx6ZMvX71VKuyfecVBgt8E2iruC7sCC", "Size": 5, "CumulativeSize": 63,
        "Blocks": 1, "Type": "file"});
    assert_eq!(stat(&rig, "/plain").await, expected);
    write(&rig, "arg=/raw&create=true&raw-leaves=true", "hello").await;
    let raw = json!({"Hash": "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq", "Size": 5,
        "CumulativeSize": 5, "Blocks": 0, "Type": "file"});
    assert_eq!(stat(&rig, "/raw").await, raw);
    write(&rig, "arg=/v1&create=true&cid-version=1", "hello").await;
    assert_eq!(stat(&rig, "/v1").await, raw);
    write(&rig, "arg=/big&create=true", vec![0u8; 600_000]).await;
    let expected = json!({"Hash": "QmNheHL5sfeUbxdFyxqfnjbJKWDckE96XrRepK9SnjUGNg", "Size": 600_000,
        "CumulativeSize": 600_194, "Blocks": 3, "Type": "file"});
    assert_eq!(stat(&rig, "/big").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_made_and_described_as_kubo_does() {
    let rig = Rig::start().await;
    let empty = json!({"Hash": "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "Size": 0, "CumulativeSize": 4,
        "Blocks": 0, "Type": "directory"});
    assert_eq!(rig.post("files/stat?arg=/").await.json(), empty);
    assert_eq!(rig.post("files/mkdir?arg=/p/q").await.message(), "file does not exist");
    assert_eq!(rig.post("files/mkdir?arg=/p/q&parents=true").await.status, 200);
    assert_eq!(rig.post("files/mkdir?arg=/p").await.message(), "file already exists");
    assert_eq!(rig.post("files/mkdir?arg=/p&parents=true").await.status, 200);
    assert_eq!(rig.post("files/mkdir?arg=/v1&cid-version=1").await.status, 200);
    assert_eq!(rig.post("files/mkdir?arg=/v1/in").await.status, 200);
    assert_eq!(hash(&rig, "/p").await, "QmUmrMrmoHiRvemh9APTQXKFF4DPFg1FiLPu9fXQZALkY8");
    assert_eq!(hash(&rig, "/v1").await, "bafybeia3khm3pvjqans3hlxy3xlopfwvjks7k5sakszfnxguij3im7tv4q");
    assert_eq!(names(&rig, "/").await, ["p", "v1"]);
    assert_eq!(rig.post("files/flush?arg=/p").await.json(), json!({"Cid": hash(&rig, "/p").await}));
    let long = rig.post("files/ls?arg=/&long=true").await.json();
    assert_eq!(long["Entries"][0], json!({"Name": "p", "Type": 1, "Size": 0, "Hash": hash(&rig, "/p").await}));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_copied_moved_and_removed() {
    let rig = Rig::start().await;
    let cid = rig.add("pin=false", "text").await;
    assert_eq!(rig.post(&format!("files/cp?arg=/ipfs/{cid}&arg=/f")).await.status, 200);
    let twice = rig.post("files/cp?arg=/f&arg=/f").await;
    assert_eq!(twice.message(), "cp: cannot put node in path /f: directory already has entry by that name");
    assert_eq!(rig.post("files/cp?arg=/f&arg=/f&force=true").await.status, 200);
    let nowhere = rig.post("files/cp?arg=/f&arg=/x/y/f").await;
    assert_eq!(nowhere.message(), "cp: cannot put node in path /x/y/f: file does not exist");
    assert_eq!(rig.post("files/cp?arg=/f&arg=/x/y/&parents=true").await.status, 200);
    assert_eq!(read(&rig, "/x/y/f").await, "text");
    assert_eq!(rig.post("files/mv?arg=/f&arg=/x").await.status, 200);
    assert_eq!((names(&rig, "/").await, names(&rig, "/x").await), (vec!["x".into()], vec!["f".into(), "y".into()]));
    assert_eq!(rig.post("files/mv?arg=/x&arg=/x/y/z").await.status, 500);
    let folder = rig.post("files/rm?arg=/x").await;
    assert!(folder.message().ends_with("/x: path is a directory, use -r to remove directories"), "{}", folder.text());
    assert_eq!(rig.post("files/rm?arg=/nope&force=true").await.status, 200);
    assert_eq!(rig.post("files/rm?arg=/nope").await.status, 500);
    assert_eq!(rig.post("files/rm?arg=/x&recursive=true").await.status, 200);
    assert!(names(&rig, "/").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_cannot_be_are_refused_in_kubos_words() {
    let rig = Rig::start().await;
    write(&rig, "arg=/f&create=true", "x").await;
    for (call, message) in [
        ("files/ls?arg=rel", "paths must start with a leading slash"),
        ("files/ls?arg=", "paths must not be empty"),
        ("files/ls?arg=/nope", "file does not exist"),
        ("files/read?arg=/nope", "/nope: file does not exist"),
        ("files/read?arg=/", "/ was not a file"),
        ("files/stat?arg=/f/x/y", "cannot access f/x/y: Not a directory"),
        (
            "files/rm?arg=/f&flush=false",
            "files rm always flushes for safety. The --flush flag cannot be set to false for this command",
        ),
    ] {
        assert_eq!(rig.post(call).await.message(), message, "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_many_entries_becomes_a_hamt_and_flat_again() {
    let rig = Rig::start().await;
    let parts: Vec<_> = (0..6000).map(|number| file(&format!("d/entry-with-a-long-name-{number:05}"), "x")).collect();
    let root = rig.upload("add?pin=false&quiet=true", &parts).await.rows().last().unwrap()["Hash"].clone();
    let root = root.as_str().unwrap();
    assert_eq!(rig.post(&format!("files/cp?arg=/ipfs/{root}&arg=/d")).await.status, 200);
    let change = rig.upload("files/write?arg=/d/new&create=true", &[file("f", "y")]).await;
    assert_eq!(change.status, 200, "{}", change.text());
    assert_eq!(names(&rig, "/d").await.len(), 6001);
    assert_eq!(rig.post("files/rm?arg=/d/new").await.status, 200);
    // The way there does not show in the result.
    assert_eq!(rig.post("files/stat?arg=/d").await.json()["Hash"], root);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_can_be_linked_at_once() {
    let rig = Rig::start().await;
    let add = |query: &'static str| rig.upload(query, &[]);
    assert_eq!(add("add?to-files=/x").await.status, 500);
    let one = rig.upload("add?to-files=/", &[file("a.txt", "hi\n")]).await;
    assert_eq!((one.status, read(&rig, "/a.txt").await.as_str()), (200, "hi\n"));
    let nowhere = rig.upload("add?to-files=/nodir/", &[file("a.txt", "hi\n")]).await;
    let text = "to-files: MFS destination directory \"/nodir/\" does not exist: file does not exist";
    assert_eq!(nowhere.message(), text);
    let again = rig.upload("add?to-files=/a.txt", &[file("b", "x")]).await;
    assert!(again.message().contains("directory already has entry by that name"), "{}", again.text());
}
