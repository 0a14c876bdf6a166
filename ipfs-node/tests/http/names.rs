//! Keys and names over the RPC of a node without a peer side.

use crate::support::{Rig, file};

const CONTENT: &str = "/ipfs/bafkqac3jobxhgidsn5rww4yk";

#[tokio::test]
async fn keys_are_made_listed_renamed_and_removed() {
    let rig = Rig::start().await;
    for (kind, start) in [("ed25519", "k51qzi5uqu5d"), ("rsa", "k2k4r8"), ("secp256k1", "kzwfwjn5ji4pu")] {
        let made = rig.post(&format!("key/gen?arg=a-{kind}&type={kind}")).await.json();
        assert_eq!(made["Name"], format!("a-{kind}"));
        assert!(made["Id"].as_str().unwrap().starts_with(start), "{made}");
    }
    let listed = rig.post("key/list?l=true&ipns-base=b58mh").await.json();
    let names: Vec<_> = listed["Keys"].as_array().unwrap().iter().map(|key| key["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["self", "a-ed25519", "a-rsa", "a-secp256k1"]);
    let id = rig.post("id").await.json()["ID"].clone();
    assert_eq!(listed["Keys"][0]["Id"], id);

    let renamed = rig.post("key/rename?arg=a-rsa&arg=b").await.json();
    assert_eq!((renamed["Was"].as_str(), renamed["Now"].as_str()), (Some("a-rsa"), Some("b")));
    assert_eq!(renamed["Overwrite"], false);
    assert_eq!(rig.post("key/rename?arg=b&arg=a-ed25519&force=true").await.json()["Overwrite"], true);
    let removed = rig.post("key/rm?arg=a-ed25519&arg=a-secp256k1").await.json();
    assert_eq!(removed["Keys"].as_array().unwrap().len(), 2);
    assert_eq!(rig.post("key/ls").await.json()["Keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_done_with_keys_is_refused_in_kubos_words() {
    let rig = Rig::start().await;
    rig.post("key/gen?arg=a").await;
    rig.post("key/gen?arg=b").await;
    for (call, words) in [
        ("key/gen?arg=a", "key with name 'a' already exists"),
        ("key/gen?arg=self", "cannot create key with name 'self'"),
        ("key/gen?arg=c&type=dsa", "unrecognized key type: dsa"),
        ("key/gen?arg=c&size=512", "invalid key size 512: ed25519 keys are always 256 bits"),
        ("key/gen?arg=c&type=rsa&size=1024", "rsa keys must be >= 2048 bits to be useful"),
        ("key/rm?arg=c", "no key named c was found"),
        ("key/rm?arg=self", "cannot remove key with name 'self'"),
        ("key/rename?arg=c&arg=d", "no key named c was found"),
        ("key/rename?arg=a&arg=b", "key by that name already exists, refusing to overwrite"),
        ("key/rename?arg=self&arg=b", "cannot rename key with name 'self'"),
        ("key/rename?arg=a&arg=self", "cannot overwrite key with name 'self'"),
        ("key/export?arg=self", "cannot export key with name 'self'"),
        ("key/export?arg=c", "key with name 'c' doesn't exist"),
        ("key/export?arg=a&format=der", "unrecognized export format: der"),
    ] {
        let refused = rig.post(call).await;
        assert_eq!((refused.status, refused.message().as_str()), (500, words), "{call}");
    }
}

#[tokio::test]
async fn a_key_goes_out_and_comes_in_again_in_both_formats() {
    let rig = Rig::start().await;
    let made = rig.post("key/gen?arg=a").await.json();
    let exported = rig.post("key/export?arg=a").await.body;
    let imported = rig.upload("key/import?arg=b", &[file("key", &exported)]).await.json();
    assert_eq!((imported["Name"].as_str(), &imported["Id"]), (Some("b"), &made["Id"]));
    let pem = include_str!("../../../ipns/tests/fixtures/secp256k1.pem");
    let imported = rig.upload("key/import?arg=c&format=pem-pkcs8-cleartext", &[file("key", pem)]).await.json();
    assert_eq!(imported["Id"], "kzwfwjn5ji4puvwgexzu04kclrgr0drnnhmt2k6lr3wcax2z0i11uyso7igjubo");
    let refused = rig.upload("key/import?arg=d", &[file("key", pem)]).await;
    assert!(refused.message().starts_with("unexpected PEM block for format=libp2p-protobuf-cleartext"));
}

#[tokio::test]
async fn what_a_key_signed_is_verified_by_key_and_by_name() {
    let rig = Rig::start().await;
    rig.post("key/gen?arg=a").await;
    let signed = rig.upload("key/sign?key=a", &[file("data", "hello")]).await.json();
    let signature = signed["Signature"].as_str().unwrap();
    for key in ["a", signed["Key"]["Id"].as_str().unwrap()] {
        let call = format!("key/verify?key={key}&signature={signature}");
        let good = rig.upload(&call, &[file("data", "hello")]).await.json();
        let bad = rig.upload(&call, &[file("data", "hellp")]).await.json();
        assert_eq!((&good["SignatureValid"], &bad["SignatureValid"]), (&true.into(), &false.into()));
    }
}

#[tokio::test]
async fn a_name_that_was_published_is_resolved_read_and_there_after_a_restart() {
    let mut rig = Rig::start().await;
    let cid = rig.add("cid-version=1", "to be named").await;
    let published = rig.post(&format!("name/publish?arg={cid}&allow-offline=true&lifetime=1h&ttl=2m")).await.json();
    let name = published["Name"].as_str().unwrap().to_owned();
    assert_eq!(published["Value"], format!("/ipfs/{cid}"));
    for round in ["before", "after"] {
        for asked in [String::new(), format!("?arg={name}"), format!("?arg=/ipns/{name}")] {
            let resolved = rig.post(&format!("name/resolve{asked}")).await.json();
            assert_eq!(resolved["Path"], format!("/ipfs/{cid}"), "{round} the restart");
        }
        assert_eq!(rig.post(&format!("cat?arg=/ipns/{name}")).await.text(), "to be named");
        rig = rig.restart().await;
    }
    let record = rig.post(&format!("name/get?arg={name}")).await;
    assert_eq!(record.header("content-type"), "application/vnd.ipfs.ipns-record");
    let shown = rig.upload(&format!("name/inspect?verify={name}"), &[file("record", &record.body)]).await.json();
    assert_eq!(shown["Entry"]["TTL"], 120_000_000_000_u64);
    assert_eq!((&shown["SignatureType"], &shown["Validation"]["Valid"]), (&"V1+V2".into(), &true.into()));
}

#[tokio::test]
async fn a_record_of_somebody_else_is_kept_when_it_is_newer_and_valid() {
    let rig = Rig::start().await;
    let name = "k51qzi5uqu5dllvlw3b5b727gha0e0xwwydi7pqw6iyicw2ntzuajgvc9uy1xf";
    let (old, new) = (
        include_bytes!("../../../ipns/tests/fixtures/ed25519.v1v2.record"),
        include_bytes!("../../../ipns/tests/fixtures/ed25519.v2.record"),
    );
    let put = format!("name/put?arg={name}&allow-offline=true");
    assert_eq!(rig.upload(&put, &[file("record", new)]).await.json()["Value"], format!("{CONTENT}/a"));
    let refused = rig.upload(&put, &[file("record", old)]).await.message();
    assert!(refused.starts_with("existing IPNS record has sequence 9 >= new record sequence 8"), "{refused}");
    assert_eq!(rig.post(&format!("name/get?arg={name}")).await.body, new);
    let other = rig.post("key/gen?arg=a").await.json()["Id"].as_str().unwrap().to_owned();
    let refused = rig.upload(&format!("name/put?arg={other}&allow-offline=true"), &[file("record", new)]).await;
    assert_eq!(refused.message(), "record validation failed: record signature verification failed");
    assert!(rig.upload(&format!("name/put?arg={name}"), &[file("record", new)]).await.message().contains("offline"));
}

#[tokio::test]
async fn what_cannot_be_published_or_resolved_is_refused_in_kubos_words() {
    let rig = Rig::start().await;
    let nobody = "k51qzi5uqu5dllvlw3b5b727gha0e0xwwydi7pqw6iyicw2ntzuajgvc9uy1xf";
    for (call, words) in [
        (format!("name/publish?arg={CONTENT}"), "can't publish while offline"),
        (
            format!("name/publish?arg={CONTENT}&lifetime=0s&allow-offline=true"),
            "lifetime must be greater than zero, got 0s",
        ),
        (
            format!("name/publish?arg={CONTENT}&lifetime=1m&ttl=2m&allow-offline=true"),
            "ttl (2m0s) must not be greater than lifetime (1m0s)",
        ),
        (format!("name/publish?arg={CONTENT}&key=nokey&allow-offline=true"), "no key by the given name was found"),
        (format!("name/resolve?arg={nobody}"), "could not resolve name"),
        (format!("name/resolve?arg={CONTENT}"), "\"/ipfs/bafkqac3jobxhgidsn5rww4yk\" is not an IPNS name"),
        (format!("name/get?arg={nobody}"), "routing: not found"),
        (format!("cat?arg=/ipns/{nobody}"), "could not resolve name"),
    ] {
        let refused = rig.post(&call).await;
        assert_eq!(refused.status, 500, "{call}");
        assert!(refused.message().starts_with(words), "{call}: {}", refused.message());
    }
}
