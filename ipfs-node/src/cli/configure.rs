//! `config` and `bootstrap` on a repository: the file is read and written, whether a daemon runs or not, as Kubo does.
//! What was changed counts from the daemon's next start on.
//!
//! Asked by [`super`], unless `--api` names a daemon elsewhere.

use std::{fs, io};

use serde_json::{Value, json};

use super::{CliError, line::Call, print};
use crate::standalone::{Repo, RepoError, apply_profile, look_up, set};

const BOOTSTRAP: &str = "Bootstrap";
/// Is made with the repository, and belongs to it.
const IDENTITY: &str = "Identity";

/// Whether a command is about the file.
pub(super) fn is_about(call: &Call) -> bool {
    call.path.split('/').next().is_some_and(|family| matches!(family, "config" | "bootstrap"))
}

/// Reads or changes it.
pub(super) fn carry_out(repo: &Repo, call: &Call) -> Result<(), CliError> {
    let mut config = repo.config()?;
    match call.path {
        "config" => return setting(repo, config, call),
        "config/show" => print!("{}", print::setting_text(&config)),
        "config/replace" => repo.write_config(&replaced(&config, call)?)?,
        "config/profile/apply" => {
            call.args.iter().try_for_each(|name| apply_profile(&mut config, name))?;
            if !call.is_on("dry-run") {
                repo.write_config(&config)?;
            }
        }
        _ => bootstrap(repo, config, call)?,
    }
    Ok(())
}

fn setting(repo: &Repo, mut config: Value, call: &Call) -> Result<(), CliError> {
    let Some(key) = call.args.first() else {
        return Err(CliError::Refused("argument \"key\" is required".to_owned()));
    };
    let Some(text) = call.args.get(1) else {
        print!("{}", print::setting_text(look_up(&config, key)?));
        return Ok(());
    };
    if key.split('.').next() == Some(IDENTITY) {
        return Err(CliError::Refused(
            "the identity is made with the repository: make another one by `init`".to_owned(),
        ));
    }
    let is_json = call.is_on("json") || call.is_on("bool");
    let value =
        if is_json { serde_json::from_str(text).map_err(|cause| unreadable(repo, cause))? } else { json!(text) };
    set(&mut config, key, value);
    Ok(repo.write_config(&config)?)
}

fn replaced(config: &Value, call: &Call) -> Result<Value, CliError> {
    let text = match call.files.as_deref().and_then(<[_]>::first) {
        Some(path) => fs::read_to_string(path).map_err(|cause| CliError::file(&path.display(), cause))?,
        None => io::read_to_string(io::stdin()).map_err(|cause| CliError::file(&"the standard input", cause))?,
    };
    let mut new: Value = serde_json::from_str(&text).map_err(CliError::Nonsense)?;
    set(&mut new, IDENTITY, config[IDENTITY].clone());
    Ok(new)
}

fn bootstrap(repo: &Repo, mut config: Value, call: &Call) -> Result<(), CliError> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut peers = texts(&config[BOOTSTRAP]);
    let before = peers.clone();
    match call.path {
        "bootstrap/add" => peers.extend(call.args.iter().filter(|peer| !before.contains(peer)).cloned()),
        "bootstrap/rm" if !call.is_on("all") => peers.retain(|peer| !call.args.contains(peer)),
        "bootstrap/rm" | "bootstrap/rm/all" => peers.clear(),
        _ => {
            peers.iter().for_each(|peer| println!("{peer}"));
            return Ok(());
        }
    }
    call.args.iter().filter(|peer| peers.contains(peer)).for_each(|peer| println!("added {peer}"));
    before.iter().filter(|peer| !peers.contains(peer)).for_each(|peer| println!("removed {peer}"));
    set(&mut config, BOOTSTRAP, json!(peers));
    Ok(repo.write_config(&config)?)
}

fn unreadable(repo: &Repo, cause: serde_json::Error) -> RepoError {
    RepoError::Json { path: repo.folder().join("config"), cause }
}
