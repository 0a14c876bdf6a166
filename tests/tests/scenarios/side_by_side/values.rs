//! `dag/get`, `dag/put`, `dag/resolve`, `dag/stat`, `resolve`: the same values under the same CIDs.
//!
//! What is meant to differ:
//! * A float that is a whole number is `1.0` with us, as DAG-JSON has it, and `1` with Kubo, which reads back another value.
//! * A value that is cut short is refused; Kubo answers 200 and nothing.

use rookery_tests::{kubo::Profile, multipart::Form};

use super::{Call, NOWHERE, Pair, added, folder, noise};

/// Values without whole floats.
const VALUES: [&str; 8] = [
    "{}",
    "[]",
    "{\"a\":1,\"bb\":-2,\"b\":[true,false,null,1.5,\"text\"]}",
    "\"only text\"",
    "7",
    "{\"bytes\":{\"/\":{\"bytes\":\"AQIDBA\"}},\"link\":{\"/\":\"bafkqaaa\"}}",
    "{\"escaped\":\"<a&b> \\u0001 \\\"é\\\" \\/ \\n\",\"\":0}",
    "{\"large\":9223372036854775807,\"small\":-9223372036854775808}",
];

#[test]
fn values_are_put_under_the_same_cids_and_read_back_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: dag/put", Profile::AsItComes) else { return };
    for value in VALUES {
        for codec in ["dag-cbor", "dag-json"] {
            let put = Call::new(&format!("dag/put?store-codec={codec}&pin=true")).file(value.as_bytes());
            let answer = pair.same(&put);
            let cid = answer.json_lines()[0]["Cid"]["/"].as_str().expect("a CID").to_owned();
            pair.same_path(&format!("block/get?arg={cid}"));
            for output in ["", "&output-codec=dag-json", "&output-codec=dag-cbor"] {
                pair.same_path(&format!("dag/get?arg={cid}{output}"));
            }
            pair.same_path(&format!("dag/resolve?arg={cid}"));
            pair.same_path(&format!("pin/ls?arg={cid}"));
        }
    }
    let two = Form::new().file("a", b"{\"a\":1}").file("b", b"{\"b\":1}").end();
    pair.same(&Call::new("dag/put").form(two));
    pair.same(&Call::new("dag/put?hash=sha2-512").file(b"{\"a\":1}"));
    for wrong in ["", "{\"/\":\"nonsense\"}"] {
        pair.same(&Call::new("dag/put").file(wrong.as_bytes()).in_other_words());
    }
    for query in ["store-codec=nonsense", "input-codec=nonsense", "hash=nonsense"] {
        pair.same(&Call::new(&format!("dag/put?{query}")).file(b"{}").in_other_words());
    }
}

#[test]
fn paths_lead_through_values_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: dag/resolve", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    let value =
        format!("{{\"link\":{{\"/\":\"{dir}\"}},\"list\":[1,{{\"/\":\"{dir}\"}}],\"deep\":{{\"er\":\"text\"}}}}");
    for codec in ["dag-cbor", "dag-json"] {
        let put = Call::new(&format!("dag/put?store-codec={codec}")).file(value.as_bytes());
        let cid = pair.same(&put).json_lines()[0]["Cid"]["/"].as_str().expect("a CID").to_owned();
        for path in ["", "/link", "/link/a.txt", "/link/sub", "/list/1/a.txt", "/list/0", "/list", "/deep", "/deep/er"]
        {
            pair.same_path(&format!("dag/resolve?arg={cid}{path}"));
            pair.same_path(&format!("resolve?arg=/ipfs/{cid}{path}"));
            pair.same_path(&format!("dag/get?arg={cid}{path}"));
        }
        for path in ["/absent", "/list/9", "/deep/er/more", "/link/absent"] {
            for command in ["dag/resolve", "dag/get"] {
                pair.same(&Call::new(&format!("{command}?arg={cid}{path}")).in_other_words());
            }
            pair.same(&Call::new(&format!("resolve?arg=/ipfs/{cid}{path}")).in_other_words());
        }
    }
    for command in ["dag/resolve", "dag/get", "dag/stat"] {
        pair.same(&Call::new(&format!("{command}?arg={NOWHERE}")).in_other_words());
    }
    for (path, base) in [("a.txt", ""), ("sub", "&cid-base=base36"), ("", "&cid-base=base58btc")] {
        pair.same_path(&format!("resolve?arg=/ipfs/{dir}/{path}{base}"));
    }
    pair.same_path(&format!("dag/get?arg={dir}&output-codec=dag-pb"));
    pair.same_path(&format!("dag/get?arg={dir}/a.txt&output-codec=raw"));
}

#[test]
fn dags_are_counted_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: dag/stat", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    let file = added(&pair.same(&Call::new("add?cid-version=1&chunker=size-1000").file(&noise(20_000))));
    let zeros = added(&pair.same(&Call::new("add?chunker=size-1000").file(&[0; 20_000])));
    for root in [&dir, &file, &zeros] {
        pair.same_path(&format!("dag/stat?arg={root}&progress=false"));
    }
    pair.same_path(&format!("dag/stat?arg={dir}&arg={file}&arg={dir}&progress=false"));
    pair.same_path(&format!("dag/stat?arg={zeros}"));
}
