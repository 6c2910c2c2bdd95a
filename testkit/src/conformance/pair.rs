//! The core alone: its pump over in-memory pipes, one parked thread a session.

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant as Clock};

use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::pump::{BUDGET, Io, Stream, Turn, pump};
use procy_core::session::Pending;
use procy_core::timer::Instant;
use procy_core::{Scratch, Session};

use super::{Answer, End, Job, Late, Report, Runtime, Wire, pipe};

/// The in-memory pair: sessions without a runtime.
#[derive(Clone, Copy, Debug)]
pub struct Pair;

impl Runtime for Pair {
    type Stream = End;

    fn name(&self) -> &'static str {
        "pair"
    }

    fn connection(&self) -> io::Result<(Wire, End)> {
        let (peer, session) = pipe::pipe();
        Ok((peer.into(), session))
    }

    fn run(&self, jobs: Vec<Job<End>>) -> Vec<Report> {
        thread::scope(|scope| {
            let running: Vec<_> = jobs.into_iter().map(|job| scope.spawn(|| run(job))).collect();
            running.into_iter().filter_map(|session| session.join().ok()).collect()
        })
    }
}

fn run(mut job: Job<End>) -> Report {
    let epoch = Clock::now();
    let now = || Instant::after_epoch(epoch.elapsed());
    #[expect(clippy::expect_used, reason = "the list's own certificates")]
    let made = |job: &Job<End>| job.session(now()).expect("a session of the list can be made");
    let mut session = made(&job);
    let mut scratch = Scratch::default();
    let (mut near, mut far) = (None, None);
    let elsewhere = job.late().map(answered_from_elsewhere);
    let mut answers = job.begin();
    loop {
        answers.extend(elsewhere.iter().flat_map(mpsc::Receiver::try_iter));
        for answer in answers.drain(..) {
            let decided = session.outcome().is_some();
            let mut visit = session.visit(&mut scratch, now());
            match answer {
                Answer::Attach(side, end) => {
                    let port = if side == Side::Near { &mut near } else { &mut far };
                    // As every runtime does: a side has one stream, and a device is of no use to a session that has failed.
                    if port.is_none() && !(decided && side == Side::Far) {
                        *port = Some(Piped(end));
                        visit.attach(side);
                    }
                }
                Answer::Broken(side, how) => visit.broken(side, how),
                Answer::Credential(credential) => visit.credential(credential, now()),
                Answer::Accept => visit.accept(),
                Answer::Refuse => visit.refuse(),
                Answer::Close => visit.close(),
                Answer::Abandon(reason) => visit.abandon(reason),
            }
        }
        let mut visit = session.visit(&mut scratch, now());
        let turn = pump(&mut visit, &mut near, &mut far, BUDGET);
        drop(visit);
        while let Some(event) = session.event() {
            answers.extend(job.event(&event));
        }
        if !job.goes_on(session.holds()) {
            return job.report(None, session.traffic());
        }
        match turn {
            Turn::Over if near.is_some() && session.spares_near() => {
                answers = job.again(session.outcome());
                (session, far) = (made(&job), None);
                session.visit(&mut scratch, now()).attach(Side::Near);
            }
            Turn::Over => return job.report(session.outcome().cloned(), session.traffic()),
            Turn::Wait if answers.is_empty() => wait(&session, now()),
            Turn::Wait | Turn::Again => {}
        }
    }
}

/// Another thread gives these answers, and unparks this one for each.
fn answered_from_elsewhere(late: Late<End>) -> mpsc::Receiver<Answer<End>> {
    let (tell, told) = mpsc::channel();
    let session = thread::current();
    thread::spawn(move || {
        for answer in late {
            // A session that is over hears nothing.
            let _ = tell.send(answer);
            session.unpark();
        }
    });
    told
}

/// The pipes unpark this thread, as it was told by them that nothing moves.
fn wait(session: &Session, now: Instant) {
    match session.deadline() {
        Some((at, _)) => thread::park_timeout(at.since(now) + Duration::from_micros(1)),
        None => thread::park(),
    }
}

struct Piped(End);

impl Stream for Piped {
    fn read(&mut self, into: &mut [u8]) -> Io {
        io(self.0.read(into, None))
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let mut moved = 0;
        for part in parts {
            match io(self.0.write(part, None)) {
                Io::Moved(n) if n == part.len() => moved += n,
                Io::Moved(n) => return Io::Moved(moved + n),
                _ if moved > 0 => break,
                other => return other,
            }
        }
        Io::Moved(moved)
    }

    fn shutdown(&mut self) -> Io {
        self.0.end();
        Io::Moved(0)
    }
}

fn io(result: io::Result<usize>) -> Io {
    match result {
        Ok(n) => Io::Moved(n),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Io::Blocked,
        Err(_) => Io::Gone(Broken::Reset),
    }
}
