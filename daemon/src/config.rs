//! Finds and reads `rookery.toml`, and works out where data and sockets are.

use std::{
    env, fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use proto::config::Rookery;

use crate::{failure::Failure, log};

/// A socket's path may have 108 bytes; the longest name in the directory needs the rest.
pub const RUNTIME_DIR_BYTES: usize = 80;

/// Where things are, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Everything that must survive.
    pub data_dir: PathBuf,
    /// Sockets and locks.
    pub runtime_dir: PathBuf,
}

/// A configuration that was read and checked.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file that it came from, absolute; none when there is no file.
    pub file: Option<PathBuf>,
    /// All sections.
    pub all: Rookery,
    /// Where things are.
    pub places: Places,
}

/// Reads the environment; a parameter in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

fn process_environment(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Finds, reads and checks the configuration of this process.
///
/// # Errors
///
/// Exit code 78, with the file, the line, what stood there and what was expected.
pub fn load(given: Option<&Path>) -> Result<Loaded, Failure> {
    let file = find(given, &process_environment);
    let (all, base) = match &file {
        Some(file) => (read(file)?, file.parent().map(Path::to_owned)),
        None => (Rookery::default(), None),
    };
    let places =
        places(&all, base.as_deref(), &process_environment).map_err(|failure| failure.in_file(file.as_deref()))?;
    Ok(Loaded { file, all, places })
}

/// The file to read: the given one; else `rookery.toml` here, in the user's and in the system's configuration folder.
#[must_use]
pub fn find(given: Option<&Path>, environment: Environment<'_>) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(absolute(given));
    }
    let user = environment("XDG_CONFIG_HOME").or_else(|| environment("HOME").map(|home| home.join(".config")));
    let mut candidates = vec![absolute(Path::new("rookery.toml"))];
    candidates.extend(user.map(|folder| folder.join("rookery/rookery.toml")));
    candidates.push(PathBuf::from("/etc/rookery/rookery.toml"));
    candidates.into_iter().find(|file| file.is_file())
}

/// Reads and checks one file.
///
/// # Errors
///
/// Exit code 78, with the file, the line, what stood there and what was expected.
pub fn read(file: &Path) -> Result<Rookery, Failure> {
    let text = fs::read_to_string(file).map_err(|cause| unreadable(file, cause))?;
    let all = Rookery::parse(&text).map_err(|e| Failure::config(e.to_string()).in_file(Some(file)))?;
    log::filter(&all.common.log).map_err(|failure| failure.in_file(Some(file)))?;
    Ok(all)
}

fn unreadable(file: &Path, cause: io::Error) -> Failure {
    Failure::config(format!("cannot read configuration {}; name another with --config FILE", file.display()))
        .because(cause)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Works out the two directories; a relative one starts at the folder of the configuration file.
///
/// # Errors
///
/// When there is no home to put data into, or the runtime directory's path is too long for sockets.
pub fn places(all: &Rookery, base: Option<&Path>, environment: Environment<'_>) -> Result<Places, Failure> {
    let from_base = |path: &PathBuf| absolute(&base.map_or_else(|| path.clone(), |base| base.join(path)));
    let data_dir = match &all.common.data_dir {
        Some(path) => from_base(path),
        None => default_data_dir(environment)?,
    };
    let runtime_dir = match &all.common.runtime_dir {
        Some(path) => from_base(path),
        None => default_runtime_dir(&data_dir, environment),
    };
    let bytes = runtime_dir.as_os_str().as_bytes().len();
    if bytes > RUNTIME_DIR_BYTES {
        let path = runtime_dir.display();
        return Err(Failure::config(format!(
            "[common] runtime_dir = {path}: the path has {bytes} bytes; expected at most {RUNTIME_DIR_BYTES}, because \
             a socket's path may have 108; set a shorter one"
        )));
    }
    Ok(Places { data_dir, runtime_dir })
}

fn default_data_dir(environment: Environment<'_>) -> Result<PathBuf, Failure> {
    let home = || environment("HOME").map(|home| home.join(".local/share"));
    // systemd names the unit's own folder in STATE_DIRECTORY.
    environment("STATE_DIRECTORY")
        .or_else(|| environment("XDG_DATA_HOME").or_else(home).map(|folder| folder.join("rookery")))
        .ok_or_else(|| Failure::config("neither HOME nor XDG_DATA_HOME is set; set [common] data_dir"))
}

fn default_runtime_dir(data_dir: &Path, environment: Environment<'_>) -> PathBuf {
    environment("RUNTIME_DIRECTORY")
        .or_else(|| environment("XDG_RUNTIME_DIR").map(|folder| folder.join("rookery")))
        .unwrap_or_else(|| data_dir.join("run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<PathBuf> {
        match name {
            "HOME" => Some("/home/kim".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/7".into()),
            _ => None,
        }
    }

    #[test]
    fn without_a_file_the_data_is_at_home() {
        let found = places(&Rookery::default(), None, &environment).unwrap();
        assert_eq!(found.data_dir, Path::new("/home/kim/.local/share/rookery"));
        assert_eq!(found.runtime_dir, Path::new("/run/user/7/rookery"));
    }

    #[test]
    fn without_a_runtime_directory_the_sockets_are_beside_the_data() {
        let all = Rookery::parse("[common]\ndata_dir = \"/srv/rookery\"\n").unwrap();
        let found = places(&all, None, &|_| None).unwrap();
        assert_eq!(found.runtime_dir, Path::new("/srv/rookery/run"));
    }

    #[test]
    fn a_relative_directory_starts_at_the_configuration_file() {
        let all = Rookery::parse("[common]\ndata_dir = \"data\"\n").unwrap();
        let found = places(&all, Some(Path::new("/etc/rookery")), &|_| None).unwrap();
        assert_eq!(found.data_dir, Path::new("/etc/rookery/data"));
    }

    #[test]
    fn a_runtime_directory_too_long_for_sockets_is_a_configuration_error() {
        let long = format!("[common]\ndata_dir = \"/d\"\nruntime_dir = \"/{}\"\n", "r".repeat(80));
        let failure = places(&Rookery::parse(&long).unwrap(), None, &|_| None).unwrap_err();
        assert_eq!(failure.code(), proto::supervision::exit::CONFIG);
        assert!(failure.to_string().contains("81 bytes; expected at most 80"), "{failure}");
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rookery.toml");
        fs::write(&file, "[http-front]\nlisten = 5\n").unwrap();
        let text = read(&file).unwrap_err().to_string();
        assert!(text.contains("rookery.toml") && text.contains("line 2"), "{text}");
    }
}
