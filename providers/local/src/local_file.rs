use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, CreatedResource, Error, ErrorContext, ExistingResource,
    Immutable, IntendedChange, MaybeUnknown, NoProvider, RecordedResource, Resource, ResourceHooks,
    ResourceReading, Secret, UnsupportedNames, Volatile, known_text,
};
use ha_value::{Object, Path as Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::file_system;
use crate::file_system::{DesiredFile, PathStatus};
use crate::path;
use crate::permission::FilePermission;
use crate::standing;

/// A file on the machine that runs `ha`. Exactly one of `content`, `sensitive_content` and
/// `content_base64` sets its content. An existing file is adopted only when its content is the same.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LocalFile {
    /// Its path; a relative one starts at the directory that `ha` runs in. Missing folders are
    /// created.
    filename: Immutable<String>,
    /// Its content as a string.
    content: Option<String>,
    /// Its content as a string, never shown.
    sensitive_content: Option<Secret<String>>,
    /// Its content in base64.
    content_base64: Option<String>,
    /// Its permissions in octal; `0600` by default, because its content may come to hold a secret.
    #[serde(default = "owner_only")]
    file_permission: FilePermission,
    /// The permissions, in octal, of folders that are created for it.
    #[serde(default = "readable_folder")]
    directory_permission: FilePermission,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LocalFileOutputs {
    /// The SHA-256 of the content in hexadecimal; none of a `sensitive_content`, which it could help
    /// to guess.
    content_sha256: Option<Volatile<String>>,
    /// The SHA-256 of the content in base64; none of a `sensitive_content`.
    content_base64sha256: Option<Volatile<String>>,
}

fn owner_only() -> FilePermission {
    FilePermission(0o600)
}

fn readable_folder() -> FilePermission {
    FilePermission(0o755)
}

#[derive(Deserialize)]
struct ContentArguments {
    content: Option<MaybeUnknown<String>>,
    sensitive_content: Option<MaybeUnknown<String>>,
    content_base64: Option<MaybeUnknown<String>>,
}

#[derive(Deserialize)]
struct BytesArguments {
    content_base64: Option<String>,
}

#[derive(Deserialize)]
struct FilenameArguments {
    filename: String,
}

#[derive(Deserialize)]
struct PermissionArguments {
    file_permission: MaybeUnknown<String>,
    directory_permission: MaybeUnknown<String>,
}

#[derive(Deserialize)]
struct ContentForms {
    content: Option<String>,
    content_base64: Option<String>,
    sensitive_content: Option<MaybeUnknown<String>>,
}

impl Resource for LocalFile {
    const KIND: &'static str = "local_file";
    const UNSUPPORTED: &'static [UnsupportedNames] =
        &[UnsupportedNames::new(&["source"], "write `content = file(\"…\")`")];
    type Provider = NoProvider;
    type Outputs = LocalFileOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .check(|it: ContentArguments| it.problems())
            .check(|it: BytesArguments| it.problems())
            .check(|it: FilenameArguments| it.problems())
            .check(|it: PermissionArguments| it.problems())
            .unique_as(&["filename"], |it: FilenameArguments| {
                path::plain(&it.filename).display().to_string()
            })
            .same(|there: FilenameArguments, wanted: FilenameArguments| {
                path::is_same(&there.filename, &wanted.filename)
                    .then_some("filename")
                    .into_iter()
                    .collect()
            })
            .ways_to_say(&["content", "sensitive_content", "content_base64"])
            .predict("id", |it: FilenameArguments| it.filename)
            .predict("content_sha256", |it: ContentForms| it.digests().content_sha256)
            .predict("content_base64sha256", |it: ContentForms| it.digests().content_base64sha256)
    }

    async fn create(
        &self,
        _: &NoProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        if attempt.noted(BEFORE).is_none() {
            let before = if self.is_absent().await? { ABSENT } else { THERE };
            attempt.note(BEFORE, before).await?;
        }
        self.blocking(attempt, |wanted| wanted.make()).await?;
        Ok(CreatedResource { id: self.filename.to_string(), outputs: self.outputs() })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id).argument("filename", id))
    }

    fn import_id(arguments: &Object) -> Option<String> {
        known_text(arguments, "filename").map(str::to_owned)
    }

    const OBJECTS: bool = true;

    async fn objections(
        _: &NoProvider,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        let planned = planned.to_vec();
        let look = move || Ok(standing::in_the_way(Self::KIND, &planned));
        off_the_async_threads(look).await.unwrap_or_default()
    }

    async fn clean_up(
        _: &NoProvider,
        recorded: &RecordedResource<Self>,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let beside = file_system::beside(Path::new(&*recorded.arguments.filename), attempt.token());
        off_the_async_threads(move || file_system::remove(&beside)).await
    }

    async fn read(
        _: &NoProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        let known: Vec<Self> = known.iter().map(|it| it.arguments.clone()).collect();
        off_the_async_threads(move || Ok(known.into_iter().map(Self::seen).collect())).await
    }

    async fn update(
        &self,
        _: &NoProvider,
        _: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<LocalFileOutputs, Error> {
        self.blocking(attempt, |wanted| wanted.replace()).await?;
        Ok(self.outputs())
    }

    async fn delete(
        _: &NoProvider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        // The step that was to create the file is abandoned, and it had found the file there: the
        // file is not ours to remove.
        if attempt.noted(BEFORE) == Some(THERE) {
            return Ok(());
        }
        let path = PathBuf::from(&*recorded.arguments.filename);
        off_the_async_threads(move || file_system::remove(&path)).await
    }
}

impl LocalFile {
    fn bytes(&self) -> Result<Vec<u8>, Error> {
        let Self { content, sensitive_content, content_base64, filename, .. } = self;
        match (content, sensitive_content, content_base64) {
            (Some(text), None, None) | (None, Some(Secret(text)), None) => {
                Ok(text.clone().into_bytes())
            }
            (None, None, Some(bytes)) => STANDARD.decode(bytes).map_err(|it| {
                Error::from_error(format!("decode what goes into `{}`", **filename), &it)
            }),
            _ => Err(Error::new(format!("write the file `{}`", **filename), EXACTLY_ONE)
                .outcome(CallOutcome::Refused)),
        }
    }

    fn outputs(&self) -> LocalFileOutputs {
        match (&self.sensitive_content, self.bytes()) {
            (None, Ok(bytes)) => digests(&bytes),
            _ => LocalFileOutputs { content_sha256: None, content_base64sha256: None },
        }
    }

    async fn is_absent(&self) -> Result<bool, Error> {
        let (path, attempted) =
            (PathBuf::from(&*self.filename), format!("look at `{}`", *self.filename));
        off_the_async_threads(move || {
            Ok(matches!(file_system::look(&path).attempting(attempted)?, PathStatus::Absent))
        })
        .await
    }

    async fn blocking(
        &self,
        attempt: &Attempt,
        act: impl FnOnce(&DesiredFile<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (content, this, token) = (self.bytes()?, self.clone(), attempt.token().to_owned());
        off_the_async_threads(move || {
            act(&DesiredFile {
                path: Path::new(&*this.filename),
                content: &content,
                permission: this.file_permission,
                folders: this.directory_permission,
                token: &token,
            })
        })
        .await
    }

    /// The file as it is on the disk, in the content argument that the configuration uses.
    fn seen(mut self) -> ResourceReading<Self> {
        let (found, permission) = match file_system::look(Path::new(&*self.filename)) {
            Ok(PathStatus::File { content, permission }) => (content, permission),
            Ok(PathStatus::Absent) => return ResourceReading::Gone,
            // The file may have been moved elsewhere by hand, so it is not treated as deleted: no
            // plan creates or removes anything on a guess.
            Ok(PathStatus::Other(what)) => {
                let reason = format!(
                    "`{}` is {what} now; move it so that the file can be created again",
                    *self.filename
                );
                return ResourceReading::Unchecked(reason);
            }
            Ok(PathStatus::Huge(size)) => {
                return ResourceReading::Unchecked(format!(
                    "`{}` has {size} bytes, more than `ha` reads",
                    *self.filename
                ));
            }
            Err(error) => {
                return ResourceReading::Unchecked(format!(
                    "could not read `{}`: {error}",
                    *self.filename
                ));
            }
        };
        let text = String::from_utf8_lossy(&found).into_owned();
        if self.content.is_some() {
            self.content = Some(text);
        } else if self.sensitive_content.is_some() {
            self.sensitive_content = Some(Secret(text));
        } else {
            self.content_base64 = Some(STANDARD.encode(&found));
        }
        self.file_permission = permission;
        let outputs = self.outputs();
        ResourceReading::found(self, outputs)
    }
}

/// The key of the note that records whether the path was taken before the first attempt.
const BEFORE: &str = "before";
const ABSENT: &str = "absent";
const THERE: &str = "there";

const EXACTLY_ONE: &str =
    "exactly one of `content`, `sensitive_content` and `content_base64` must be given";

impl ContentArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let given = [&self.content, &self.sensitive_content, &self.content_base64]
            .into_iter()
            .flatten()
            .count();
        if given == 1 {
            Vec::new()
        } else {
            vec![ArgumentProblem { path: Place::attribute("content"), message: EXACTLY_ONE.into() }]
        }
    }
}

impl BytesArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let wrong = self.content_base64.as_ref().and_then(|it| STANDARD.decode(it).err());
        let problem = |it| ArgumentProblem {
            path: Place::attribute("content_base64"),
            message: format!("`content_base64` is not base64: {it}"),
        };
        wrong.map(problem).into_iter().collect()
    }
}

impl FilenameArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let message = match &*self.filename {
            "" => "`filename` is empty",
            it if it.ends_with('/') || it.ends_with("/.") || it.ends_with("..") => {
                "`filename` names a folder"
            }
            it if it.contains('\0') => "`filename` has a zero byte in it",
            _ => return Vec::new(),
        };
        vec![ArgumentProblem { path: Place::attribute("filename"), message: message.into() }]
    }
}

impl PermissionArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let each = |(name, text): (&str, &MaybeUnknown<String>)| match text {
            MaybeUnknown::Known(text) => {
                let wrong = text.parse::<FilePermission>().err()?;
                Some(ArgumentProblem { path: Place::attribute(name), message: wrong })
            }
            MaybeUnknown::Unknown => None,
        };
        let Self { file_permission, directory_permission } = self;
        [("file_permission", file_permission), ("directory_permission", directory_permission)]
            .into_iter()
            .filter_map(each)
            .collect()
    }
}

impl ContentForms {
    fn digests(&self) -> LocalFileOutputs {
        match (&self.sensitive_content, &self.content, &self.content_base64) {
            (None, Some(text), None) => digests(text.as_bytes()),
            (None, None, Some(bytes)) if STANDARD.decode(bytes).is_ok() => {
                digests(&STANDARD.decode(bytes).unwrap_or_default())
            }
            _ => LocalFileOutputs { content_sha256: None, content_base64sha256: None },
        }
    }
}

fn digests(content: &[u8]) -> LocalFileOutputs {
    let digest = Sha256::digest(content);
    LocalFileOutputs {
        content_sha256: Some(Volatile(digest.iter().map(|it| format!("{it:02x}")).collect())),
        content_base64sha256: Some(Volatile(STANDARD.encode(digest))),
    }
}

/// Runs blocking work on another thread: disks can be slow, and other steps go on meanwhile.
async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|it| Error::from_error("work on a file of this machine", &it))?
}
