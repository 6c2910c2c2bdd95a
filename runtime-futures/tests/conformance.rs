//! async-std and smol pass every scenario that all runtimes do. `docs/write-a-runtime.md` goes through this file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::task::Poll;
use std::thread;

use futures_io::{AsyncRead, AsyncWrite};
use procy_futures::core::event::Side;
use procy_futures::core::timer::Instant;
use procy_futures::{Fin, Run, Step, Timer, system};
use procy_testkit::conformance::{Answer, Job, Report, Runtime, Wire, check, tcp};
use smol::future::or;

struct AsyncStd;

impl Runtime for AsyncStd {
    type Stream = TcpStream;

    fn name(&self) -> &'static str {
        "async-std"
    }

    fn connection(&self) -> io::Result<(Wire, TcpStream)> {
        tcp()
    }

    fn run(&self, jobs: Vec<Job<TcpStream>>) -> Vec<Report> {
        let start = |job| {
            let timer = system(async_std::task::sleep);
            // Without `Fin`, an end would reach the peer only when the socket is dropped.
            let attached = |stream| Fin(async_std::net::TcpStream::from(stream));
            async_std::task::spawn(run(job, timer, attached))
        };
        let running: Vec<_> = jobs.into_iter().map(start).collect();
        async_std::task::block_on(all(running))
    }
}

async fn run<T: Timer, S>(
    mut job: Job<TcpStream>,
    timer: T,
    attached: impl Fn(TcpStream) -> S,
) -> Report
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut run = Run::new(job.session(timer.now()).unwrap(), &timer);
    let (tell, told) = smol::channel::unbounded();
    if let Some(late) = job.late() {
        let tell = tell.clone();
        // A session that is over hears nothing.
        thread::spawn(move || late.for_each(|answer| drop(tell.try_send(answer))));
    }
    let mut answers = job.begin();
    loop {
        for answer in answers.drain(..) {
            run.answer(translated(answer, timer.now(), &attached));
        }
        // Every poll is a wake-up; after any of them the job may say that it is enough.
        let step = poll_fn(|cx| match run.poll_next(cx) {
            _ if !job.goes_on(run.session().holds()) => Poll::Ready(None),
            step => step.map(Some),
        });
        let woken = or(async { Err(told.recv().await) }, async { Ok(step.await) });
        match woken.await {
            Err(late) => answers.extend(late),
            Ok(Some(Step::Event(event))) => answers = job.event(&event),
            Ok(Some(Step::Over)) => match run.take_near() {
                Some(near) => {
                    answers = job.again(run.outcome());
                    run = Run::new(job.session(timer.now()).unwrap(), &timer);
                    run.attach_near(near);
                }
                None => return job.report(run.outcome().cloned(), run.traffic()),
            },
            Ok(None) => return job.report(None, run.traffic()),
        }
    }
}

fn translated<S>(
    answer: Answer<TcpStream>,
    now: Instant,
    attached: impl Fn(TcpStream) -> S,
) -> procy_futures::Answer<S, S> {
    use procy_futures::Answer as To;
    match answer {
        Answer::Attach(Side::Near, stream) => To::AttachNear(attached(stream)),
        Answer::Attach(Side::Far, stream) => To::AttachFar(attached(stream)),
        Answer::Broken(side, how) => To::Broken(side, how),
        Answer::Credential(credential) => To::Credential(credential, now),
        Answer::Accept => To::Accept,
        Answer::Refuse => To::Refuse,
        Answer::Close => To::Close,
        Answer::Abandon(reason) => To::Abandon(reason.to_owned()),
    }
}

async fn all(running: Vec<impl Future<Output = Report>>) -> Vec<Report> {
    let mut reports = Vec::new();
    for session in running {
        reports.push(session.await);
    }
    reports
}

struct Smol;

impl Runtime for Smol {
    type Stream = TcpStream;

    fn name(&self) -> &'static str {
        "smol"
    }

    fn connection(&self) -> io::Result<(Wire, TcpStream)> {
        tcp()
    }

    fn run(&self, jobs: Vec<Job<TcpStream>>) -> Vec<Report> {
        let start = |job| {
            let attached = |stream| smol::net::TcpStream::from(smol::Async::new(stream).unwrap());
            smol::spawn(run(job, system(smol::Timer::after), attached))
        };
        let running: Vec<_> = jobs.into_iter().map(start).collect();
        smol::block_on(all(running))
    }
}

#[test]
fn async_std_conforms() {
    if let Err(failures) = check(AsyncStd) {
        panic!("{failures}");
    }
}

#[test]
fn smol_conforms() {
    if let Err(failures) = check(Smol) {
        panic!("{failures}");
    }
}
