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
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_blocking;

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
    let (tell, mut told) = unbounded_channel();
    if let Some(late) = job.late() {
        // A session that is over hears nothing.
        spawn_blocking(move || late.for_each(|answer| drop(tell.send(answer))));
    }
    let mut answers = job.begin();
    loop {
        answers.drain(..).for_each(|answer| run.answer(translated(answer)));
        // Every poll is a wake-up; after any of them the job may say that it is enough.
        let step = poll_fn(|cx| match run.poll_next(cx) {
            _ if !job.goes_on(run.session().holds()) => Poll::Ready(None),
            step => step.map(Some),
        });
        let step = tokio::select! {
            Some(answer) = told.recv() => {
                answers.push(answer);
                continue;
            }
            step = step => step,
        };
        match step {
            Some(Step::Event(event)) => answers = job.event(&event),
            Some(Step::Over) => match run.take_near() {
                Some(near) => {
                    answers = job.again(run.outcome());
                    run = Run::new(job.session(now()).unwrap());
                    run.attach_near(near);
                }
                None => return job.report(run.outcome().cloned(), run.traffic()),
            },
            None => return job.report(None, run.traffic()),
        }
    }
}

fn translated(answer: Answer<std::net::TcpStream>) -> procy_tokio::Answer<TcpStream, TcpStream> {
    use procy_tokio::Answer as To;
    match answer {
        Answer::Attach(Side::Near, stream) => To::AttachNear(attached(stream)),
        Answer::Attach(Side::Far, stream) => To::AttachFar(attached(stream)),
        Answer::Broken(side, how) => To::Broken(side, how),
        Answer::Credential(credential) => To::Credential(credential, now()),
        Answer::Accept => To::Accept,
        Answer::Refuse => To::Refuse,
        Answer::Close => To::Close,
        Answer::Abandon(reason) => To::Abandon(reason.to_owned()),
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
