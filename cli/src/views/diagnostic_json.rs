//! Renders diagnostics as JSON, in the format of `terraform validate -json`.

use ha_diagnostics::SourceSpan;
use ha_value::Severity;

use super::diagnostic::RenderedDiagnostic;
use super::json::JsonValue;
use super::message_mask::MessageMask;
use super::secrets::SecretTexts;
use super::sources::SourceTexts;
use crate::invocation::in_text;

/// Returns the document of `validate --json`: all diagnostics and their counts.
pub(crate) fn notices_json(
    notices: &[RenderedDiagnostic],
    sources: &SourceTexts,
    secrets: &SecretTexts,
) -> JsonValue {
    let count = |severity| notices.iter().filter(|it| it.severity == severity).count();
    let errors = count(Severity::Error);
    JsonValue::object([
        ("format_version", "1.0".into()),
        ("valid", (errors == 0).into()),
        ("error_count", errors.into()),
        ("warning_count", count(Severity::Warning).into()),
        ("diagnostics", JsonValue::Array(each_json(notices, sources, secrets))),
    ])
}

/// Returns each diagnostic as JSON: errors first, then by file and place.
pub(crate) fn each_json(
    notices: &[RenderedDiagnostic],
    sources: &SourceTexts,
    secrets: &SecretTexts,
) -> Vec<JsonValue> {
    // The order is that of the text output, so that both can be compared.
    let mut in_order: Vec<&RenderedDiagnostic> = notices.iter().collect();
    in_order.sort_by_key(|it| {
        (it.severity, it.span.clone().map_or((true, None), |span| (false, Some(span))))
    });
    in_order.dedup();
    if in_order.is_empty() {
        return Vec::new();
    }
    let literals = sources.secrets();
    let rendered = in_order.into_iter().map(|it| {
        let mask = MessageMask::new(it, sources, [secrets, &literals]);
        notice_json(it, sources, secrets, &mask)
    });
    rendered.collect()
}

fn notice_json(
    notice: &RenderedDiagnostic,
    sources: &SourceTexts,
    secrets: &SecretTexts,
    mask: &MessageMask<'_>,
) -> JsonValue {
    let safe = |text: &str| mask.message(text);
    let RenderedDiagnostic {
        code,
        severity,
        title,
        span,
        label,
        context,
        notes,
        values,
        help,
        suggestion,
        related,
    } = notice;
    let mut detail: Vec<String> = Vec::new();
    if !label.is_empty() {
        detail.push(safe(label));
    }
    for (what, text) in notes.iter().filter(|(what, _)| *what != "in") {
        let text = mask.foreign(text);
        detail.push(if *what == "note" { text } else { format!("{what}: {text}") });
    }
    let help = help.iter().chain(suggestion.iter().map(|it| &it.help));
    detail.extend(help.map(|it| format!("help: {}", mask.help(&in_text(it)))));
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut fields = vec![
        ("severity", severity.into()),
        ("summary", JsonValue::from(safe(title))),
        ("detail", detail.join("\n").into()),
    ];
    fields.extend(code.map(|it| ("code", it.to_string().into())));
    if let Some((_, address)) = notes.iter().find(|(what, _)| *what == "in") {
        fields.push(("address", mask.address(address).into()));
    }
    if let Some(range) = span.as_ref().and_then(|it| range(it, sources)) {
        fields.push(("range", range));
    }
    if let Some(snippet) =
        span.as_ref().and_then(|it| snippet(it, context.as_ref(), values, sources, secrets, mask))
    {
        fields.push(("snippet", snippet));
    }
    let related = related.iter().filter_map(|(span, label)| {
        Some(JsonValue::object([("message", safe(label).into()), ("range", range(span, sources)?)]))
    });
    let related: Vec<JsonValue> = related.collect();
    if !related.is_empty() {
        fields.push(("related", JsonValue::Array(related)));
    }
    // A masked suggestion is not valid code, so that it must not be offered as a replacement.
    let is_whole = |text: &str| safe(&format!("`{text}`")) == format!("`{text}`");
    if let Some(suggestion) = suggestion.as_ref().filter(|it| is_whole(&it.text)) {
        fields.push(("suggestion", suggestion.text.clone().into()));
        if let Some(range) = suggestion.span.as_ref().and_then(|it| range(it, sources)) {
            fields.push(("suggestion_range", range));
        }
    }
    JsonValue::object(fields)
}

fn range(span: &SourceSpan, sources: &SourceTexts) -> Option<JsonValue> {
    let text = sources.text(&span.file)?;
    let position = |at: usize| {
        let before = text.get(..at)?;
        let line = before.bytes().filter(|it| *it == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some(JsonValue::object([
            ("line", line.into()),
            ("column", column.into()),
            ("byte", at.into()),
        ]))
    };
    let (start, end) = (position(span.start)?, position(span.end)?);
    Some(JsonValue::object([("filename", (&*span.file).into()), ("start", start), ("end", end)]))
}

fn snippet(
    span: &SourceSpan,
    context: Option<&SourceSpan>,
    values: &[(String, String)],
    sources: &SourceTexts,
    secrets: &SecretTexts,
    mask: &MessageMask<'_>,
) -> Option<JsonValue> {
    let text = sources.text(&span.file)?;
    let before = text.get(..span.start)?;
    let start = before.rfind('\n').map_or(0, |it| it + 1);
    let end = text[span.start..].find('\n').map_or(text.len(), |it| span.start + it);
    // A minified JSON file is one line, which would be repeated with each diagnostic.
    text.get(..span.end).filter(|_| end - start <= 2000)?;
    let line = before.bytes().filter(|it| *it == b'\n').count() + 1;
    let head = context.filter(|it| {
        sources.text(&it.file).is_some_and(|text| text.get(it.start..it.end).is_some())
    });
    let head = head.map(|it| sources.shown(&it.file, it.start..it.end, secrets).trim().to_owned());
    let value = |(what, value): &(String, String)| {
        let statement = format!("is {}", mask.foreign(value));
        JsonValue::object([("traversal", what.into()), ("statement", statement.into())])
    };
    Some(JsonValue::object([
        ("context", head.into()),
        ("code", sources.shown(&span.file, start..end, secrets).into()),
        ("start_line", line.into()),
        ("highlight_start_offset", (span.start - start).into()),
        ("highlight_end_offset", (span.end.min(end).max(span.start) - start).into()),
        ("values", JsonValue::Array(values.iter().map(value).collect())),
    ]))
}

#[cfg(test)]
mod tests {
    use ha_diagnostics::Diagnostic;
    use snapbox::str;

    use super::super::test_data::check;
    use super::*;

    #[test]
    fn diagnostics_as_json() {
        let sources: SourceTexts = [("main.hcl", "ä = 1\nb = wrong\n")].into_iter().collect();
        let at = SourceSpan::new("main.hcl".into(), 11..16);
        let diagnostics = [
            Diagnostic::warning("look").at(SourceSpan::new("main.hcl".into(), 0..2)),
            Diagnostic::error("no such name")
                .at(at)
                .label("is no name")
                .detail("Whole sentences.")
                .closest("wrong", ["wrang"])
                .address("a.b"),
            Diagnostic::error("nowhere").at(SourceSpan::new("other.hcl".into(), 2..5)),
        ];
        let notices: Vec<RenderedDiagnostic> =
            diagnostics.iter().map(RenderedDiagnostic::from).collect();
        check(
            &notices_json(&notices, &sources, &SecretTexts::default()).pretty(),
            str![[r#"
{
  "format_version": "1.0",
  "valid": false,
  "error_count": 2,
  "warning_count": 1,
  "diagnostics": [
    {
      "severity": "error",
      "summary": "no such name",
      "detail": "is no name\nWhole sentences.\nhelp: did you mean `wrang`?",
      "address": "a.b",
      "range": {
        "filename": "main.hcl",
        "start": {
          "line": 2,
          "column": 5,
          "byte": 11
        },
        "end": {
          "line": 2,
          "column": 10,
          "byte": 16
        }
      },
      "snippet": {
        "context": null,
        "code": "b = wrong",
        "start_line": 2,
        "highlight_start_offset": 4,
        "highlight_end_offset": 9,
        "values": []
      },
      "suggestion": "wrang",
      "suggestion_range": {
        "filename": "main.hcl",
        "start": {
          "line": 2,
          "column": 5,
          "byte": 11
        },
        "end": {
          "line": 2,
          "column": 10,
          "byte": 16
        }
      }
    },
    {
      "severity": "error",
      "summary": "nowhere",
      "detail": ""
    },
    {
      "severity": "warning",
      "summary": "look",
      "detail": "",
      "range": {
        "filename": "main.hcl",
        "start": {
          "line": 1,
          "column": 1,
          "byte": 0
        },
        "end": {
          "line": 1,
          "column": 2,
          "byte": 2
        }
      },
      "snippet": {
        "context": null,
        "code": "ä = 1",
        "start_line": 1,
        "highlight_start_offset": 0,
        "highlight_end_offset": 2,
        "values": []
      }
    }
  ]
}

"#]],
        );
    }

    #[test]
    fn no_span_causes_a_panic() {
        let sources: SourceTexts = [("a.hcl", "ä\n"), ("empty.hcl", "")].into_iter().collect();
        for file in ["a.hcl", "empty.hcl", "nowhere.hcl"] {
            for (start, end) in (0..5).flat_map(|start| (0..5).map(move |end| (start, end))) {
                let notice = RenderedDiagnostic::from(
                    &Diagnostic::error("x").at(SourceSpan::new(file.into(), start..end)),
                );
                assert!(
                    notices_json(&[notice], &sources, &SecretTexts::default())
                        .line()
                        .contains("\"x\"")
                );
            }
        }
    }
}
