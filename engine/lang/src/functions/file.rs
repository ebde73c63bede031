//! Functions of files, paths and templates.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_diagnostics::Diagnostic;
use ha_value::{Name, Object, Type, Value};

use super::collection::with_mark;
use super::{
    Function, FunctionBody, FunctionError, FunctionResult, ParameterKind, any, string_argument,
    text,
};
use crate::SourceFile;
use crate::compiled_expression::Expression;
use crate::environment::{EmptyScope, EvaluationContext, MachineFact};
use crate::parse;
use crate::resolve::NameResolver;
use ParameterKind::{Any, Bool, Text};

/// Greatest depth of templates that render templates.
const MAX_DEPTH: u32 = 16;
/// Most compiled templates in the cache.
const CACHE_SIZE: usize = 256;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "abspath",
        "The absolute path.",
        &[text("path")],
        Text,
        FunctionBody::Outside(abspath),
    ),
    Function::new(
        "basename",
        "The last part of a path.",
        &[text("path")],
        Text,
        FunctionBody::Plain(|it| Ok(Value::from(basename(string_argument(it, 0))))),
    ),
    Function::new(
        "dirname",
        "The path without its last part.",
        &[text("path")],
        Text,
        FunctionBody::Plain(|it| Ok(Value::from(dirname(string_argument(it, 0))))),
    ),
    Function::new(
        "file",
        "The content of a file, which must be text.",
        &[text("path")],
        Text,
        FunctionBody::Outside(|it, env| {
            Ok(Value::from(&*content_text(string_argument(it, 0), env)?))
        }),
    ),
    Function::new(
        "filebase64",
        "The content of a file in base64.",
        &[text("path")],
        Text,
        FunctionBody::Outside(|it, env| {
            Ok(Value::from(STANDARD.encode(content(string_argument(it, 0), env)?)))
        }),
    ),
    Function::new(
        "fileexists",
        "Whether a file exists at this path.",
        &[text("path")],
        Bool,
        FunctionBody::Outside(|it, env| {
            let path = string_argument(it, 0);
            env.files.exists(path).map(Value::Bool).map_err(|why| {
                FunctionError::argument(0, format!("`{path}` cannot be examined: {why}"))
            })
        }),
    ),
    Function::new(
        "fileset",
        "The files below a directory whose paths match a glob pattern.",
        &[text("path"), text("pattern")],
        ParameterKind::Set(&Text),
        FunctionBody::Outside(fileset),
    ),
    Function::new(
        "pathexpand",
        "The path with `~` at its beginning replaced by the home directory.",
        &[text("path")],
        Text,
        FunctionBody::Outside(pathexpand),
    ),
    Function::new(
        "templatefile",
        "The content of a file as a template, with these variables.",
        &[text("path"), any("variables")],
        Any,
        FunctionBody::WholeOutside(templatefile),
    )
    .nullable(),
    Function::new(
        "templatestring",
        "A string as a template, with these variables.",
        &[text("template"), any("variables")],
        Any,
        FunctionBody::WholeOutside(templatestring),
    )
    .nullable(),
];

/// The bytes of a file.
pub(super) fn content(
    path: &str,
    environment: &EvaluationContext<'_>,
) -> Result<Arc<[u8]>, FunctionError> {
    environment
        .files
        .read(path)
        .map_err(|why| FunctionError::argument(0, format!("`{path}` cannot be read: {why}")))
}

fn content_text(path: &str, environment: &EvaluationContext<'_>) -> Result<String, FunctionError> {
    let bytes = content(path, environment)?;
    let text = std::str::from_utf8(&bytes);
    text.map(str::to_owned).map_err(|_| {
        FunctionError::argument(
            0,
            format!("`{path}` is not text (UTF-8); `filebase64` reads any file"),
        )
    })
}

fn abspath(arguments: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let path = string_argument(arguments, 0);
    if path.starts_with('/') {
        return Ok(Value::from(cleaned(path)));
    }
    let directory = environment.files.machine(MachineFact::Directory);
    let directory = directory.map_err(|why| {
        FunctionError::argument(0, format!("the path cannot be made absolute: {why}"))
    })?;
    Ok(Value::from(cleaned(&format!("{directory}/{path}"))))
}

/// The path without `.`, `..` and repeated slashes, as Go's `path.Clean`; the file system is not
/// asked, so symbolic links are not resolved.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in Path::new(path).components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            (Component::ParentDir, Some(Component::RootDir)) => {}
            (part, _) => parts.push(part),
        }
    }
    let path: PathBuf = parts.into_iter().collect();
    if path.as_os_str().is_empty() { ".".into() } else { path.to_string_lossy().into_owned() }
}

fn basename(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" if path.is_empty() => ".".into(),
        "" => "/".into(),
        path => path.rsplit('/').next().unwrap_or(path).into(),
    }
}

fn dirname(path: &str) -> String {
    match path.rfind('/') {
        Some(end) => cleaned(&path[..=end]),
        None => ".".into(),
    }
}

fn pathexpand(arguments: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let path = string_argument(arguments, 0);
    let home = || {
        environment.files.machine(MachineFact::Home).map_err(|why| FunctionError::argument(0, why))
    };
    Ok(Value::from(match path.strip_prefix('~') {
        Some("") => home()?.to_string(),
        Some(rest) if rest.starts_with('/') => cleaned(&format!("{}{rest}", home()?)),
        Some(_) => {
            return Err(FunctionError::argument(
                0,
                "only the home directory of the current user can be expanded",
            ));
        }
        None => path.to_owned(),
    }))
}

fn fileset(arguments: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let (directory, pattern) = (string_argument(arguments, 0), string_argument(arguments, 1));
    let pattern =
        super::glob::PathGlob::new(pattern).map_err(|why| FunctionError::argument(1, why))?;
    let files = environment.files.list(directory);
    let files = files.map_err(|why| {
        FunctionError::argument(0, format!("`{directory}` cannot be listed: {why}"))
    })?;
    let matching = files.into_iter().filter(|it| pattern.matches(it)).map(Value::from);
    Ok(Value::set(matching))
}

fn templatefile(arguments: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let [path, variables] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    // The type of a template's value is open until the template is known: a template of one
    // interpolation can have any type.
    let (path, sensitive) = path.unmark();
    let Value::String(path) = &path else {
        return Ok(with_mark(Value::unknown(Type::Any, path.cause()), sensitive));
    };
    let source = SourceFile::new(path.clone(), content_text(path, environment)?);
    // A diagnostic of a template quotes the template, which must not be shown if the template is
    // secret.
    let value = rendered(source, variables, environment)
        .map_err(|it| FunctionError { harmless: it.harmless && !sensitive, ..it })?;
    Ok(with_mark(value, sensitive))
}

fn templatestring(arguments: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let [template, variables] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let (template, sensitive) = template.unmark();
    let Value::String(template) = &template else {
        return Ok(with_mark(Value::unknown(Type::Any, template.cause()), sensitive));
    };
    let source = SourceFile::new("<template>", template.clone());
    // A diagnostic of a template quotes the template, which must not be shown if the template is
    // secret.
    let value = rendered(source, variables, environment)
        .map_err(|it| FunctionError { harmless: it.harmless && !sensitive, ..it })?;
    Ok(with_mark(value, sensitive))
}

/// Compiled templates, by content and the names of their variables. A template is often rendered
/// for thousands of instances, and compiling costs much more than evaluating.
type TemplateCache = HashMap<(Arc<str>, Vec<Name>), Expression>;

static COMPILED: LazyLock<Mutex<TemplateCache>> = LazyLock::new(Mutex::default);

/// The value of a template with these variables.
fn rendered(
    source: SourceFile,
    variables: &Value,
    environment: &EvaluationContext<'_>,
) -> FunctionResult {
    if environment.depth >= MAX_DEPTH {
        return Err(FunctionError::harmless(format!(
            "templates are nested more than {MAX_DEPTH} deep"
        )));
    }
    let (plain, sensitive) = match variables {
        Value::Sensitive(inner) => (&**inner, true),
        it => (it, false),
    };
    let variables: &Object = match plain {
        Value::Object(it) | Value::Map(it) => it,
        Value::Unknown(it) => {
            return Ok(with_mark(Value::unknown(Type::Any, it.cause.clone()), sensitive));
        }
        _ => {
            return Err(FunctionError::argument(
                1,
                format!("a map or object is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    let names: Vec<Name> = variables.keys().cloned().collect();
    let key = (source.text.clone(), names);
    let cached = COMPILED
        .lock()
        .ok()
        .and_then(|it| it.get(&key).cloned())
        // The same content under another file name has other places in its messages.
        .filter(|it| it.span().file == source.name);
    let template = match cached {
        Some(template) => template,
        None => {
            let template = compiled(&source, &key.1)?;
            if let Ok(mut cache) = COMPILED.lock() {
                if cache.len() >= CACHE_SIZE {
                    cache.clear();
                }
                cache.insert(key, template.clone());
            }
            template
        }
    };
    let slots: Vec<Value> = variables.values().cloned().collect();
    let secret = environment.secret || sensitive;
    // A template sees its variables only, so that it gives the same text in every module.
    let inner = EvaluationContext {
        scope: &EmptyScope,
        depth: environment.depth + 1,
        secret,
        ..*environment
    };
    let value = template.evaluate_with(&slots, &inner).map_err(|it| refusal(&source, it))?;
    Ok(with_mark(value, sensitive))
}

/// The compiled template, which may refer only to these variables.
fn compiled(source: &SourceFile, names: &[Name]) -> Result<Expression, FunctionError> {
    let syntax = parse::template(source).map_err(|it| refusal(source, it))?;
    let mut resolver = NameResolver::closed(source.name.clone(), names.iter().cloned());
    let template = resolver.expression(syntax);
    match resolver.problems.is_empty() {
        true => Ok(template),
        false => Err(refusal(source, resolver.problems)),
    }
}

/// The diagnostics of a template as one error of the call, each with its line and column. They
/// cannot be shown as diagnostics of their own, because the template may be no file of the
/// configuration.
fn refusal(source: &SourceFile, problems: Vec<Diagnostic>) -> FunctionError {
    let messages = problems.into_iter().map(|it| {
        let place = it.span.as_ref().filter(|span| span.file == source.name).map(|span| {
            let before = source.text.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("{}:{line}:{column}: ", source.name)
        });
        let help: String = it.help.iter().map(|it| format!(" ({it})")).collect();
        format!("{}{}{help}", place.unwrap_or_default(), it.summary)
    });
    FunctionError::harmless(messages.collect::<Vec<_>>().join("; "))
}
