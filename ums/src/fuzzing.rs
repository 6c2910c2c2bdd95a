//! The body of the fuzz target `ums` in `fuzz/`, behind the feature `fuzzing`.

use procy_core::fuzzing::{Verdict, answers};
use procy_core::ums::{Api, Secret};

use crate::exchange::{Answer, Exchange};
use crate::{Config, Error};

/// What a server answers: HTTP, and in it any answer of UMS. Input: the number of cuts, their lengths, then all that the
/// server sends.
///
/// # Errors
/// The answer depends on the cuts, or what the core reads in it breaks a promise.
pub fn ums(input: &[u8]) -> Verdict {
    let (count, rest) = input.split_first().unwrap_or((&0, &[]));
    let (cuts, wire) = rest.split_at(rest.len().min(usize::from(count % 16)));
    match (exchanged(wire, &[])?, exchanged(wire, cuts)?) {
        (Ok(whole), Ok(cut)) => {
            let (whole, cut) = (whole.response(), cut.response());
            if (whole.status, &whole.set_cookies, whole.body)
                != (cut.status, &cut.set_cookies, cut.body)
            {
                return Err("where an answer is cut matters".into());
            }
            answers(&whole)
        }
        (Err(whole), Err(cut)) if whole.to_string() == cut.to_string() => Ok(()),
        (whole, cut) => Err(format!(
            "where an answer is cut matters: {:?} {:?}",
            whole.err().map(|error| error.to_string()),
            cut.err().map(|error| error.to_string())
        )),
    }
}

/// What comes of `wire` in pieces as long as `cuts` say, in turn, and then its end.
fn exchanged(mut wire: &[u8], cuts: &[u8]) -> Result<Result<Answer, Error>, String> {
    let mut exchange = begin().map_err(|error| error.to_string())?;
    let mut cuts = cuts.iter().cycle();
    loop {
        let most = cuts.next().map_or(usize::MAX, |length| usize::from(*length).max(1));
        let space = exchange.space();
        if space.is_empty() {
            return Err("no room, and no answer".into());
        }
        let (piece, rest) = wire.split_at(wire.len().min(most).min(space.len()));
        space.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
        wire = rest;
        match exchange.read(piece.len()) {
            Err(error) => return Ok(Err(error)),
            Ok(true) => return Ok(Ok(exchange.finish())),
            Ok(false) if piece.is_empty() => return Err("an end that ends nothing".into()),
            Ok(false) => {}
        }
    }
}

fn begin() -> Result<Exchange, Error> {
    let config = Config::new("https://ums", "user", Secret::new("word".into()))?;
    Ok(Exchange::new(&Api::V3.server_status(), &config.endpoint))
}
