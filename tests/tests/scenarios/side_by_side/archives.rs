//! `dag/export`, `dag/import`: the same archives, and each reads the other's.

use rookery_tests::{http::Answer, kubo::Profile, multipart::Form};

use super::{Call, Pair, added, folder, noise};

#[test]
fn an_export_is_the_same_byte_for_byte() {
    let Some(mut pair) = Pair::or_skip("side by side: dag/export", Profile::AsItComes) else { return };
    for (flags, form) in
        [("cid-version=1", folder()), ("", folder()), ("chunker=size-1000&max-file-links=4", Form::of(&noise(50_000)))]
    {
        let root = added(&pair.same(&Call::new(&format!("add?{flags}")).form(form)));
        pair.same_path(&format!("dag/export?arg={root}"));
    }
}

#[test]
fn each_imports_what_the_other_exported() {
    let Some(mut pair) = Pair::or_skip("side by side: dag/import", Profile::AsItComes) else { return };
    let add = |bytes: &[u8]| Call::new("add?cid-version=1&chunker=size-1000&pin=false").file(bytes);
    let (of_ours, of_kubos) = (noise(30_001), noise(30_002));
    let ours = added(&add(&of_ours).ask(&mut pair.ours));
    let kubos = added(&add(&of_kubos).ask(&mut pair.kubos));
    let export = |root: &str| Call::new(&format!("dag/export?arg={root}"));
    let from_ours = export(&ours).ask(&mut pair.ours).expect(200).body;
    let from_kubos = export(&kubos).ask(&mut pair.kubos).expect(200).body;
    let both = Form::new().file("ours.car", &from_ours).file("kubos.car", &from_kubos).end();
    for flags in ["stats=true", "pin-roots=false&stats=true", "", "silent=true", "pin-roots=false"] {
        pair.same(&Call::new(&format!("dag/import?{flags}")).form(both.clone()).in_any_order());
    }
    for (root, bytes) in [(ours, of_ours), (kubos, of_kubos)] {
        assert_eq!(pair.same_path(&format!("cat?arg={root}")).body, bytes);
        pair.same_path(&format!("pin/ls?arg={root}"));
    }
}

#[test]
fn archives_that_are_broken_are_refused_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: broken archives", Profile::AsItComes) else { return };
    let root = added(&pair.same(&Call::new("add?cid-version=1&chunker=size-1000").file(&noise(5_000))));
    let whole = pair.same_path(&format!("dag/export?arg={root}")).body.to_vec();
    let mut changed = whole.clone();
    *changed.last_mut().expect("an archive has bytes") ^= 1;
    for (name, car) in [("cut", &whole[..whole.len() - 10]), ("changed", &changed), ("no archive", b"hello\n")] {
        let (ours, kubos) = pair.both(&Call::new("dag/import").file(car));
        assert_eq!(ours.status, kubos.status, "{name}: {} {}", ours.text(), kubos.text());
        let failed = |answer: &Answer| answer.status >= 400 || !answer.header("x-stream-error").is_empty();
        assert_eq!(failed(&ours), failed(&kubos), "{name}: {} {}", ours.text(), kubos.text());
    }
}
