//! Threads in poll(2) pass every scenario that all runtimes do.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use std::net::TcpStream;
use std::{io, thread};

use procy_blocking::core::event::Side;
use procy_blocking::{Run, Step, now};
use procy_testkit::conformance::{Answer, Job, Report, Runtime, Wire, check, tcp};

struct Blocking;

impl Runtime for Blocking {
    type Stream = TcpStream;

    fn name(&self) -> &'static str {
        "blocking"
    }

    fn connection(&self) -> io::Result<(Wire, TcpStream)> {
        tcp()
    }

    fn run(&self, jobs: Vec<Job<TcpStream>>) -> Vec<Report> {
        thread::scope(|scope| {
            let running: Vec<_> = jobs.into_iter().map(|job| scope.spawn(|| run(job))).collect();
            running.into_iter().map(|session| session.join().unwrap()).collect()
        })
    }
}

fn run(mut job: Job<TcpStream>) -> Report {
    let mut run = Run::new(job.session(now()).unwrap());
    if let Some(late) = job.late() {
        let remote = run.remote().unwrap();
        // A session that is over hears nothing.
        thread::spawn(move || late.for_each(|answer| drop(remote.answer(translated(answer)))));
    }
    let mut answers = job.begin();
    loop {
        answers.drain(..).for_each(|answer| run.answer(translated(answer)));
        // A thread that waits in poll(2) comes back with events only: those are its wake-ups.
        let step = run.next();
        match step {
            _ if !job.goes_on(run.session().holds()) => return job.report(None, run.traffic()),
            Step::Event(event) => answers = job.event(&event),
            Step::Over => match run.take_near() {
                Some(near) => {
                    answers = job.again(run.outcome());
                    run = Run::new(job.session(now()).unwrap());
                    run.attach_near(near);
                }
                None => return job.report(run.outcome().cloned(), run.traffic()),
            },
        }
    }
}

fn translated(answer: Answer<TcpStream>) -> procy_blocking::Answer<TcpStream, TcpStream> {
    use procy_blocking::Answer as To;
    match answer {
        Answer::Attach(Side::Near, stream) => To::AttachNear(stream),
        Answer::Attach(Side::Far, stream) => To::AttachFar(stream),
        Answer::Broken(side, how) => To::Broken(side, how),
        Answer::Credential(credential) => To::Credential(credential, now()),
        Answer::Accept => To::Accept,
        Answer::Refuse => To::Refuse,
        Answer::Close => To::Close,
        Answer::Abandon(reason) => To::Abandon(reason.to_owned()),
    }
}

#[test]
fn blocking_conforms() {
    if let Err(failures) = check(Blocking) {
        panic!("{failures}");
    }
}
