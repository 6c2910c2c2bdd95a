//! tokio passes every scenario that all runtimes do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use procy_core::event::Side;
use procy_testkit::conformance::{Answer, Job, Report, Runtime, Wire, check, tcp};
use procy_tokio::core as procy_core;
use procy_tokio::{Run, Step, now};
use tokio::net::TcpStream;

struct Tokio;

impl Runtime for Tokio {
    type Stream = std::net::TcpStream;

    fn name(&self) -> &'static str {
        "tokio"
    }

    fn connection(&self) -> io::Result<(Wire, Self::Stream)> {
        tcp()
    }

    fn run(&self, jobs: Vec<Job<Self::Stream>>) -> Vec<Report> {
        let threads = tokio::runtime::Runtime::new().unwrap();
        let running: Vec<_> = jobs.into_iter().map(|job| threads.spawn(run(job))).collect();
        threads.block_on(async {
            let mut reports = Vec::new();
            for session in running {
                reports.push(session.await.unwrap());
            }
            reports
        })
    }
}

async fn run(mut job: Job<std::net::TcpStream>) -> Report {
    let mut run = Run::new(job.session(now()).unwrap());
    let mut answers = job.begin();
    loop {
        for answer in answers.drain(..) {
            match answer {
                Answer::Attach(Side::Near, stream) => run.attach_near(attached(stream)),
                Answer::Attach(Side::Far, stream) => run.attach_far(attached(stream)),
                Answer::Broken(side, how) => run.broken(side, how),
                Answer::Credential(credential) => run.credential(credential, now()),
                Answer::Accept => run.accept(),
                Answer::Refuse => run.refuse(),
                Answer::Close => run.close(),
                Answer::Abandon(reason) => run.abandon(reason),
            }
        }
        // Every poll is a wake-up; after any of them the job may say that it is enough.
        let step = poll_fn(|cx| match run.poll_next(cx) {
            _ if !job.goes_on(run.session().holds()) => Poll::Ready(None),
            step => step.map(Some),
        });
        match step.await {
            Some(Step::Event(event)) => answers = job.event(&event),
            Some(Step::Over) => return job.report(run.outcome().cloned(), run.traffic()),
            None => return job.report(None, run.traffic()),
        }
    }
}

fn attached(stream: std::net::TcpStream) -> TcpStream {
    stream.set_nonblocking(true).unwrap();
    TcpStream::from_std(stream).unwrap()
}

#[test]
fn tokio_conforms() {
    if let Err(failures) = check(Tokio) {
        panic!("{failures}");
    }
}
