//! Lists the files of `web/site` for `site.rs`, which embeds them. A file that is added or removed is noticed.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// What the front itself refers to: without them it cannot be built.
const NEEDED: [&str; 3] = ["index.html", "embed.html", "embed.js"];

fn main() -> io::Result<()> {
    let from = |name: &str| PathBuf::from(env::var_os(name).expect("cargo says it to every build script"));
    let site = from("CARGO_MANIFEST_DIR").join("../web/site");
    // Of a folder cargo watches everything that is in it.
    println!("cargo::rerun-if-changed={}", site.display());
    let mut files = Vec::new();
    collect(&site, "", &mut files)?;
    files.sort();
    for name in NEEDED {
        assert!(files.iter().any(|(known, _)| known == name), "web/site/{name} is missing");
    }
    fs::write(from("OUT_DIR").join("site_files.rs"), table(&files))
}

/// Adds every file below a folder, by its path there.
fn collect(folder: &Path, above: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names in web/site are text");
        let name = format!("{above}{name}");
        match path.is_dir() {
            true => collect(&path, &format!("{name}/"), files)?,
            false => files.push((name, path)),
        }
    }
    Ok(())
}

fn table(files: &[(String, PathBuf)]) -> String {
    let mut table = "&[\n".to_owned();
    for (name, path) in files {
        let _ = writeln!(table, "({name:?}, {:?}, include_bytes!({:?})),", kind(name), path.display().to_string());
    }
    table + "]\n"
}

/// The content type, by the end of the name.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        // A licence has no end to its name.
        Some("txt") | None => "text/plain; charset=utf-8",
        Some("md") => "text/markdown; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        _ => panic!("web/site/{name}: add to http-front/build.rs what such a file is"),
    }
}
