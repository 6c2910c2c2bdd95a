//! What lets into UMS: the operator's password and the session's cookie. Both are zeroized and shown nowhere.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// The longest session cookie, in bytes. Tomcat's are 43.
pub const MAX_COOKIE: usize = 512;

/// A text that must reach no log, URL or `Debug`. It is zeroized when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret; the caller sees to its own copies.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What a login gave and every further call shows: `JSESSIONID=...`, good for 30 minutes after the last call.
#[derive(Clone)]
pub struct SessionCookie(Secret);

impl SessionCookie {
    /// Takes a `name=value` as login's `message` gives it, or as a `Set-Cookie` header begins. It is `None` if it is
    /// anything that cannot stand in a header as one cookie (RFC 6265 section 4.1.1), or longer than [`MAX_COOKIE`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pair, _attributes) = text.split_once(';').unwrap_or((text, ""));
        let pair = pair.trim();
        let (name, value) = pair.split_once('=')?;
        let in_bounds = !name.is_empty() && !value.is_empty() && pair.len() <= MAX_COOKIE;
        let clean = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",\\".contains(&byte));
        (in_bounds && clean).then(|| Self(Secret::new(pair.into())))
    }

    /// The value of the `Cookie` header.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether both are the same session. Only who holds both can ask, so it need not be in constant time.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCookie(***)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_cookie_is_the_first_pair_and_nothing_else() {
        let expose =
            |text: &str| SessionCookie::parse(text).map(|cookie| cookie.expose().to_owned());
        use alloc::borrow::ToOwned as _;
        assert_eq!(expose("JSESSIONID=3FB2").as_deref(), Some("JSESSIONID=3FB2"));
        assert_eq!(
            expose("JSESSIONID=3FB2; Path=/umsapi/; Secure; HttpOnly").as_deref(),
            Some("JSESSIONID=3FB2")
        );
        assert_eq!(expose("JSESSIONID=a=b.node1").as_deref(), Some("JSESSIONID=a=b.node1"));
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_cookie() {
        for text in
            ["", "JSESSIONID", "=x", "a=", "a=b\r\nHost: x", "a=b c", "a b=c", "a=\"b\"", "a=é"]
        {
            assert!(SessionCookie::parse(text).is_none(), "{text:?}");
        }
        let longest = format!("a={}", "b".repeat(MAX_COOKIE - 2));
        assert!(SessionCookie::parse(&longest).is_some());
        assert!(SessionCookie::parse(&format!("{longest}b")).is_none());
    }

    #[test]
    fn a_session_is_told_from_another_by_its_whole_cookie() {
        let cookie = |text| SessionCookie::parse(text).unwrap();
        let session = cookie("JSESSIONID=3FB2; Path=/umsapi/");
        assert!(session.same(&cookie("JSESSIONID=3FB2")));
        assert!(!session.same(&cookie("JSESSIONID=3FB20")));
        assert!(!session.same(&cookie("UMSSESSION=3FB2")));
    }

    #[test]
    fn secrets_show_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hush".into())), "Secret(***)");
        assert_eq!(format!("{:?}", SessionCookie::parse("a=hush")), "Some(SessionCookie(***))");
    }
}
