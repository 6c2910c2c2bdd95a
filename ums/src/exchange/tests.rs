use procy_core::ums::{Api, Secret, SessionCookie};
use proptest::prelude::*;

use super::*;
use crate::Config;

fn exchange(request: &Request) -> Exchange {
    let config = Config::new("https://ums", "user", Secret::new("pw".into())).unwrap();
    Exchange::new(request, &config.endpoint)
}

fn logout() -> Exchange {
    exchange(&Api::V3.logout(&SessionCookie::parse("JSESSIONID=1").unwrap()))
}

/// Gives it the bytes in pieces of `size` at most, and the end after them.
fn feed(mut exchange: Exchange, bytes: &[u8], size: usize) -> Result<Answer, Error> {
    for mut piece in bytes.chunks(size) {
        while !piece.is_empty() {
            let space = exchange.space();
            let count = piece.len().min(space.len());
            space[..count].copy_from_slice(&piece[..count]);
            piece = &piece[count..];
            if exchange.read(count)? {
                return Ok(exchange.finish());
            }
        }
    }
    assert!(exchange.read(0)?);
    Ok(exchange.finish())
}

fn body(bytes: &[u8]) -> Result<(u16, String), &'static str> {
    match feed(logout(), bytes, usize::MAX) {
        Ok(answer) => Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned())),
        Err(error) => Err(error.code()),
    }
}

#[test]
fn a_request_is_written_whole() {
    let text = |exchange: Exchange| String::from_utf8(exchange.request().to_vec()).unwrap();
    assert_eq!(
        text(logout()),
        format!(
            "POST /umsapi/v3/logout HTTP/1.1\r\nhost: ums:8443\r\nuser-agent: procy/{}\r\nconnection: close\r\n\
             content-length: 0\r\naccept: application/json\r\ncookie: JSESSIONID=1\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert!(
        text(exchange(&Api::V2.server_status()))
            .starts_with("GET /umsapi/v2/serverstatus HTTP/1.1\r\n")
    );
}

#[test]
fn a_body_ends_where_its_framing_says() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", (200, "hi")),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\nmore", (200, "")),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", (200, "")),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", (200, "to the end")),
        ("HTTP/1.0 404 Not Found\r\n\r\n", (404, "")),
        ("HTTP/1.1 204 No Content\r\n\r\nmore", (204, "")),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1\r\nh\r\n2;x=y\r\ni!\r\n0\r\nx: y\r\n\r\nmore",
            (200, "hi!"),
        ),
        (
            "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 1\r\n\r\nx",
            (500, "x"),
        ),
    ] {
        assert_eq!(body(answer.as_bytes()), Ok((expected.0, expected.1.to_owned())), "{answer}");
    }
}

#[test]
fn as_many_interim_answers_as_the_bound_are_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM);
    let answer = format!("{interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    assert_eq!(body(answer.as_bytes()), Ok((200, "hi".to_owned())));
}

#[test]
fn an_answer_that_ends_too_early_is_lost() {
    for answer in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    ] {
        assert_eq!(body(answer.as_bytes()), Err("ums-unreachable"), "{answer}");
    }
}

#[test]
fn what_is_no_http_or_is_ambiguous_is_refused() {
    let head = "HTTP/1.1 200 OK\r\n";
    for answer in [
        "SSH-2.0-x\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        &format!("{head}content-length: 1\r\ncontent-length: 2\r\n\r\nhi"),
        &format!("{head}content-length: +1\r\n\r\nhi"),
        &format!("{head}content-length: \r\n\r\nhi"),
        &format!("{head}content-length: 99999999999999999999999\r\n\r\nhi"),
        &format!(
            "{head}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n\r\n"
        ),
        &format!("{head}transfer-encoding: gzip, chunked\r\n\r\nhi"),
        &format!("{head}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        &format!("{head}content-encoding: gzip\r\n\r\nhi"),
        &format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n"),
        &format!("{head}transfer-encoding: chunked\r\n\r\n1\r\nhi"),
        &"HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM + 1),
        &format!("{head}x: {}", "y".repeat(MAX_HEAD)),
        &format!("{head}{}\r\n", "x: y\r\n".repeat(MAX_FIELDS + 1)),
    ] {
        assert_eq!(body(answer.as_bytes()), Err("ums-not-ums"), "{:.80}", answer);
    }
}

#[test]
fn a_body_over_the_bound_is_refused_as_soon_as_it_is_known() {
    let limit = procy_core::ums::MAX_ANSWER;
    let over = limit + 1;
    assert_eq!(
        body(format!("HTTP/1.1 200 OK\r\ncontent-length: {over}\r\n\r\n").as_bytes()),
        Err("ums-answer-too-long")
    );
    assert_eq!(
        body(
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{over:x}\r\n").as_bytes()
        ),
        Err("ums-answer-too-long")
    );
    let endless = |length| format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(length));
    assert_eq!(body(endless(over).as_bytes()), Err("ums-answer-too-long"));
    assert_eq!(body(endless(limit).as_bytes()).unwrap().1.len(), limit);
}

proptest! {
    #[test]
    fn an_answer_does_not_depend_on_how_it_is_cut(
        text in "[a-z]{0,300}", cut in 1_usize..40, chunk in 1_usize..50, framing in 0..3,
    ) {
        let bytes = match framing {
            0 => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()),
            1 => format!("HTTP/1.1 200 OK\r\n\r\n{text}"),
            _ => {
                let chunks: String = text
                    .as_bytes()
                    .chunks(chunk)
                    .map(|part| format!("{:x}\r\n{}\r\n", part.len(), str::from_utf8(part).unwrap()))
                    .collect();
                format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
            }
        };
        let answer = feed(logout(), bytes.as_bytes(), cut).unwrap();
        prop_assert_eq!(answer.body.as_slice(), text.as_bytes());
    }

    #[test]
    fn an_answer_that_says_its_length_and_is_cut_short_is_lost(
        text in "[a-z]{1,100}", chunked in any::<bool>(), at in any::<prop::sample::Index>(), cut in 1_usize..40,
    ) {
        let bytes = if chunked {
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n", text.len())
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
        };
        let cut_short = &bytes.as_bytes()[..at.index(bytes.len())];
        // `feed` panics where the end is taken for the answer's.
        let error = feed(logout(), cut_short, cut).err().map(|error| error.code());
        prop_assert_eq!(error, Some("ums-unreachable"));
    }

    #[test]
    fn no_bytes_are_a_panic(
        head in prop::sample::select(&["", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"][..]),
        bytes in prop::collection::vec(prop::sample::select(&b"0123af\r\n;: xHTP/."[..]), 0..200), cut in 1_usize..20,
    ) {
        let _ = feed(logout(), &[head.as_bytes(), &bytes].concat(), cut);
    }
}
