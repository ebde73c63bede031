//! Writes a JSON document part by part, so that at most one resource of a large plan is in memory
//! as a tree of values.

use super::json::JsonValue;

/// A document in progress. An object or array stays open until [`JsonDocument::end`].
#[derive(Default)]
pub(crate) struct JsonDocument {
    text: String,
    open: Vec<OpenContainer>,
}

/// An object or array that is still open.
struct OpenContainer {
    closes: char,
    is_empty: bool,
}

impl JsonDocument {
    /// Opens an object: the document itself, or an element of the open array.
    pub(crate) fn object(&mut self) {
        self.separate();
        self.begin('{', '}');
    }

    /// Opens an object as a field of the open object.
    pub(crate) fn object_field(&mut self, name: &str) {
        self.name(name);
        self.begin('{', '}');
    }

    /// Opens an array as a field of the open object.
    pub(crate) fn array_field(&mut self, name: &str) {
        self.name(name);
        self.begin('[', ']');
    }

    /// Closes the innermost open object or array.
    pub(crate) fn end(&mut self) {
        if let Some(part) = self.open.pop() {
            self.text.push(part.closes);
        }
    }

    /// Adds a field to the open object.
    pub(crate) fn field(&mut self, name: &str, value: &JsonValue) {
        self.name(name);
        self.text.push_str(&value.compact());
    }

    /// Adds an element to the open array.
    pub(crate) fn element(&mut self, value: &JsonValue) {
        self.separate();
        self.text.push_str(&value.compact());
    }

    /// Closes everything and returns the document as one line with its line end.
    pub(crate) fn line(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text.push('\n');
        self.text
    }

    fn begin(&mut self, opens: char, closes: char) {
        self.text.push(opens);
        self.open.push(OpenContainer { closes, is_empty: true });
    }

    fn name(&mut self, name: &str) {
        self.separate();
        self.text.push_str(&JsonValue::from(name).compact());
        self.text.push(':');
    }

    fn separate(&mut self) {
        if let Some(part) = self.open.last_mut() {
            if !part.is_empty {
                self.text.push(',');
            }
            part.is_empty = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_in_the_order_given() {
        let mut document = JsonDocument::default();
        document.object();
        document.field("a", &JsonValue::Null);
        document.array_field("b");
        document.element(&JsonValue::from(1_usize));
        document.object();
        document.field("c\"", &JsonValue::from("d"));
        document.end();
        document.end();
        document.object_field("e");
        assert_eq!(document.line(), "{\"a\":null,\"b\":[1,{\"c\\\"\":\"d\"}],\"e\":{}}\n");
    }
}
