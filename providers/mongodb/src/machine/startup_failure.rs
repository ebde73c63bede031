//! Why a mongod gave up, in its own words.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// What the log says went wrong, after `from`.
pub(super) fn complaints(log: &str, from: u64) -> Vec<String> {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        let from = if from > length { 0 } else { from };
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(256 * 1024))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let mut complaints: Vec<String> = text.lines().filter_map(complaint).collect();
    complaints.dedup();
    complaints.truncate(3);
    complaints
}

fn complaint(line: &str) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    if !["E", "F"].contains(&entry.get("s")?.as_str()?) {
        return None;
    }
    let message = entry.get("msg")?.as_str()?;
    let attributes = entry.get("attr");
    let detail = attributes.and_then(|it| it.get("error")).map(|it| match it {
        serde_json::Value::String(text) => text.clone(),
        other => other
            .get("errmsg")
            .and_then(|it| it.as_str())
            .map_or_else(|| other.to_string(), str::to_owned),
    });
    Some(detail.map_or_else(|| message.to_owned(), |it| format!("{message}: {it}")))
}

/// The last lines of what it wrote before it had a log.
pub(super) fn said(mut output: File) -> Vec<String> {
    let mut text = String::new();
    let read = output.seek(SeekFrom::Start(0)).and_then(|_| output.read_to_string(&mut text));
    let lines: Vec<String> =
        text.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    match read {
        Ok(_) => lines[lines.len().saturating_sub(3)..].to_vec(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_read_for_errors_only() {
        let line = r#"{"t":{},"s":"E","c":"CONTROL","id":20557,"msg":"DBException in initAndListen, terminating","attr":{"error":"DBPathInUse: Unable to lock"}}"#;
        assert_eq!(
            complaint(line).unwrap(),
            "DBException in initAndListen, terminating: DBPathInUse: Unable to lock"
        );
        assert_eq!(complaint(&line.replace("\"E\"", "\"I\"")), None);
        assert_eq!(complaint("plain text"), None);
    }
}
