//! The codecs: what they take they give back, what they refuse they refuse wherever it is cut.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Input, Verdict, demand, pieces};
use crate::credential::{Certificate, Fingerprint, MAX_CERTIFICATE_DER, Password};
use crate::procycmd::{
    self, COMMAND_LEN, Command, CommandError, Decoder, Style, Terminator, Trailer, Verb,
};
use crate::rfb::{HELLO_LEN, HelloScanner, MAX_REASON, NotRfb, Version, connection_failure};
use crate::tls::{Crypto, Pin};

/// `PROCYCMD`. Input: the number of cuts, their lengths, then what a console says.
///
/// # Errors
/// The answer depends on the cuts, the decoder takes bytes that are not its own, an accepted command is not what its parts
/// encode to, or an error shows the password.
pub fn command(input: &[u8]) -> Verdict {
    let mut input = Input(input);
    let count = usize::from(input.byte() % 16);
    let cuts = input.take(count);
    let wire = input.0;
    let whole = decoded(wire, &[])?;
    demand(whole == decoded(wire, cuts)?, "I5: where a command is cut matters")?;
    let command = wire.get(..COMMAND_LEN).unwrap_or(wire);
    match whole.answer {
        None => demand(wire.len() < COMMAND_LEN, "a whole command without an answer"),
        Some(Err(CommandError::NotACommand { at } | CommandError::NotAPassword { at })) => {
            demand(whole.taken == at + 1 && at < COMMAND_LEN, "an error at another byte")?;
            let again = decoded(wire.get(..at).unwrap_or_default(), &[])?;
            demand(again.answer.is_none(), "an error before the byte that it names")
        }
        Some(Ok((verb, password))) => {
            demand(whole.taken == COMMAND_LEN, "an offer of another length")?;
            let Ok(password) = Password::parse(&password) else {
                return Err("an offer that is no password".into());
            };
            let encoded = |terminator| procycmd::encode(Style { verb, terminator }, &password);
            demand(encoded(Terminator::None).as_bytes() == command, "not what it encodes to")?;
            for terminator in [Terminator::Lf, Terminator::Crlf, Terminator::Nul] {
                let encoded = encoded(terminator);
                let again = decoded(Command::as_bytes(&encoded), cuts)?;
                demand(again.rest.is_empty(), "a terminator that is relayed")?;
                demand(again.answer.is_some_and(|answer| answer.is_ok()), "refused when ended")?;
            }
            Ok(())
        }
    }
}

#[derive(PartialEq, Eq)]
struct Decoded {
    taken: usize,
    answer: Option<Result<(Verb, String), CommandError>>,
    /// What follows command and terminator.
    rest: Vec<u8>,
}

fn decoded(wire: &[u8], cuts: &[u8]) -> Result<Decoded, String> {
    let (mut decoder, mut trailer) = (Decoder::new(), Trailer::new());
    let mut all = Decoded { taken: 0, answer: None, rest: Vec::new() };
    for mut piece in pieces(wire, cuts) {
        if all.answer.is_none() {
            let (taken, answer) = decoder.feed(piece);
            demand(answer.is_some() || taken == piece.len(), "bytes left without an answer")?;
            if let Some(Err(error)) = &answer {
                demand(error.to_string().len() < 120, "an error that says too much")?;
            }
            all.taken += taken;
            all.answer = answer.map(|answer| {
                answer.map(|offer| (offer.verb, offer.password.expose().to_string()))
            });
            piece = piece.get(taken..).ok_or("took more than there was")?;
        }
        if let Some(Ok(_)) = all.answer {
            all.rest
                .extend_from_slice(piece.get(trailer.strip(piece)..).ok_or("stripped too much")?);
        }
    }
    demand(all.answer.is_none() || decoder.feed(wire).0 == 0, "takes more after its answer")?;
    Ok(all)
}

/// The RFB hello. Input: the number of cuts, their lengths, then what a device says; it serves as a reason too.
///
/// # Errors
/// The answer depends on the cuts, what is accepted is not what its version encodes to, or a refusal shows what it should
/// not.
pub fn hello(input: &[u8]) -> Verdict {
    let mut input = Input(input);
    let count = usize::from(input.byte() % 16);
    let cuts = input.take(count);
    let wire = input.0;
    let (taken, answer) = scanned(wire, &[])?;
    demand(
        (taken, &answer) == (scanned(wire, cuts)?.0, &scanned(wire, cuts)?.1),
        "I5: where a hello is cut matters",
    )?;
    match answer {
        None => demand(wire.len() < HELLO_LEN, "a whole hello without an answer")?,
        Some(Ok(version)) => {
            demand(wire.starts_with(&version.hello_bytes()), "not what it encodes to")?;
            let again = Version::new(version.major(), version.minor());
            demand(again == Some(version), "a version that cannot be")?;
        }
        Some(Err(error)) => {
            let came = wire.get(..taken).unwrap_or_default();
            demand(error.shown().as_bytes() == came, "shows what did not come")?;
            let text = error.to_string();
            demand(
                text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "would disturb a terminal",
            )?;
        }
    }
    let failure = connection_failure(&String::from_utf8_lossy(wire));
    let reason = failure.get(HELLO_LEN + 8..).ok_or("a failure without a reason")?;
    let length = u32::try_from(reason.len()).map_err(|_| "a reason without a length")?;
    demand(
        failure.get(HELLO_LEN + 4..HELLO_LEN + 8) == Some(&length.to_be_bytes()),
        "a wrong length",
    )?;
    demand(reason.len() <= MAX_REASON, "a reason over its bound")?;
    demand(reason.iter().all(|byte| matches!(byte, b' '..=b'~' | 0xa1..)), "a reason with controls")
}

fn scanned(wire: &[u8], cuts: &[u8]) -> Result<(usize, Option<Result<Version, NotRfb>>), String> {
    let (mut scanner, mut total, mut answer) = (HelloScanner::new(), 0, None);
    for piece in pieces(wire, cuts) {
        let (taken, now) = scanner.feed(piece);
        demand(answer.is_none() || (taken, &now) == (0, &None), "takes more after its answer")?;
        demand(
            answer.is_some() || now.is_some() || taken == piece.len(),
            "left without an answer",
        )?;
        total += taken;
        answer = answer.or(now);
    }
    Ok((total, answer))
}

/// What UMS gives: input is a certificate's text and its DER, a fingerprint, a password. `crypto` says which keys can be
/// pinned.
///
/// # Errors
/// What was taken does not come back the same in every notation, or is over its bound.
pub fn certificate(crypto: &Crypto, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    for certificate in [Certificate::parse(&text), Certificate::from_der(input)] {
        let Ok(certificate) = certificate else { continue };
        let der = certificate.der();
        demand(der.len() <= MAX_CERTIFICATE_DER, "a certificate over its bound")?;
        let base64 = STANDARD.encode(der);
        for ended in ["\n", "\r\n", " ", ""] {
            let pem = format!(
                "-----BEGIN CERTIFICATE-----{ended}{base64}{ended}-----END CERTIFICATE-----{ended}"
            );
            // Around the longest there is no room for PEM's lines.
            let again = Certificate::parse(&pem);
            demand(
                again.as_ref() == Ok(&certificate) || pem.len() > MAX_CERTIFICATE_DER / 3 * 4,
                "another certificate as PEM",
            )?;
        }
        demand(Certificate::parse(&base64).as_ref() == Ok(&certificate), "another as Base64")?;
        for legacy in [false, true] {
            if let Ok(pin) = Pin::new(&certificate, crypto, legacy) {
                let fingerprint = certificate.fingerprint();
                demand(pin.fingerprint() == fingerprint, "a pin of another certificate")?;
                demand(fingerprint.to_string().parse() == Ok(fingerprint), "another fingerprint")?;
            }
        }
    }
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        demand(fingerprint.to_string().parse() == Ok(fingerprint), "a fingerprint that changes")?;
    }
    if let Ok(password) = Password::parse(&text) {
        demand(password.expose() == text, "a password that changes")?;
        demand(!format!("{password:?}").contains(password.expose()), "I10: a password is shown")?;
    }
    Ok(())
}
