//! Reading JSON in which a number may be a string, a boolean the string `"true"`, and anything may be missing or null:
//! versions of the interface differ in all of these.

use alloc::string::{String, ToString as _};
use core::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value as text, if it has one.
#[derive(Default)]
pub(super) struct Loose(Option<String>);

impl Loose {
    /// The text, without white space around it; `None` if there is none.
    pub(super) fn text(self) -> Option<String> {
        let text = self.0?;
        let trimmed = text.trim();
        match trimmed.len() {
            0 => None,
            length if length == text.len() => Some(text),
            _ => Some(trimmed.into()),
        }
    }

    /// The truth value, if it is one in any of the notations.
    pub(super) fn truth(self) -> Option<bool> {
        let text = self.text()?;
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose(Some(value.into())))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Loose, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(json: &str) -> Loose {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn text_is_read_from_any_scalar() {
        for (json, expected) in [
            (r#""95""#, Some("95")),
            (r#"" a b ""#, Some("a b")),
            ("95", Some("95")),
            ("-1", Some("-1")),
            ("1.5", Some("1.5")),
            ("true", Some("true")),
            (r#""""#, None),
            (r#""  ""#, None),
            ("null", None),
            (r#"[1,{"a":2}]"#, None),
            (r#"{"a":[1]}"#, None),
        ] {
            assert_eq!(loose(json).text().as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn truth_is_read_from_booleans_and_their_names() {
        for (json, expected) in [
            ("true", Some(true)),
            (r#""TRUE""#, Some(true)),
            ("false", Some(false)),
            (r#"" False ""#, Some(false)),
            (r#""yes""#, None),
            ("1", None),
            ("null", None),
        ] {
            assert_eq!(loose(json).truth(), expected, "{json}");
        }
    }
}
