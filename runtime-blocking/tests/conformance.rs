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
    let mut answers = job.begin();
    loop {
        for answer in answers.drain(..) {
            match answer {
                Answer::Attach(Side::Near, stream) => run.attach_near(stream),
                Answer::Attach(Side::Far, stream) => run.attach_far(stream),
                Answer::Broken(side, how) => run.broken(side, how),
                Answer::Credential(credential) => run.credential(credential, now()),
                Answer::Accept => run.accept(),
                Answer::Refuse => run.refuse(),
                Answer::Close => run.close(),
                Answer::Abandon(reason) => run.abandon(reason),
            }
        }
        // A thread that waits in poll(2) comes back with events only: those are its wake-ups.
        let step = run.next();
        match step {
            _ if !job.goes_on(run.session().holds()) => return job.report(None, run.traffic()),
            Step::Event(event) => answers = job.event(&event),
            Step::Over => return job.report(run.outcome().cloned(), run.traffic()),
        }
    }
}

#[test]
fn blocking_conforms() {
    if let Err(failures) = check(Blocking) {
        panic!("{failures}");
    }
}
