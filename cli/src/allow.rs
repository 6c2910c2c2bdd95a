//! Who may connect.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// A network in CIDR notation, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Net(IpNet);

impl Net {
    fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let one = |_| text.parse::<IpAddr>().map(IpNet::from);
        let net = text.parse::<IpNet>().or_else(one);
        net.map(Self).map_err(|_| format!("`{text}` is no network such as 192.0.2.0/24"))
    }
}

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a viewer may connect from there: with no list, from this machine only.
pub(crate) fn may_connect(allow: Option<&[Net]>, from: IpAddr) -> bool {
    // An IPv4 viewer at a listener on [::] shows itself as ::ffff:a.b.c.d.
    let from = from.to_canonical();
    match allow {
        Some(allow) => allow.iter().any(|net| net.contains(from)),
        None => from.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(allow: &[&str], from: &str) -> bool {
        let allow: Vec<Net> = allow.iter().map(|net| net.parse().unwrap()).collect();
        may_connect(Some(&allow), from.parse().unwrap())
    }

    #[test]
    fn without_a_list_only_this_machine_may_connect() {
        for (from, expected) in [
            ("127.0.0.1", true),
            ("127.8.7.6", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
        ] {
            assert_eq!(may_connect(None, from.parse().unwrap()), expected, "{from}");
        }
    }

    #[test]
    fn a_list_holds_exactly_its_networks() {
        assert!(may(&["192.0.2.0/24"], "192.0.2.77"));
        assert!(may(&["192.0.2.0/24"], "::ffff:192.0.2.77"));
        assert!(may(&["198.51.100.9", "2001:db8::/32"], "198.51.100.9"));
        assert!(may(&["198.51.100.9", "2001:db8::/32"], "2001:db8::5"));
        assert!(!may(&["192.0.2.0/24"], "192.0.3.1"));
        assert!(!may(&["198.51.100.9"], "198.51.100.8"));
        assert!(!may(&["192.0.2.0/24"], "127.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "here", "192.0.2.0/33", "192.0.2", "/8"] {
            assert!(text.parse::<Net>().is_err(), "{text}");
        }
    }
}
