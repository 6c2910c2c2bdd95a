//! The event loop passes every scenario that all runtimes do.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::TcpStream;
use std::rc::Rc;
use std::{io, thread};

use procy_mio::core::event::Event;
use procy_mio::{Answers, Config, Handle, Host, Key, Over, Shard, now};
use procy_testkit::conformance::{Answer, Job, Report, Runtime, Wire, check, tcp};

struct Mio;

impl Runtime for Mio {
    type Stream = TcpStream;

    fn name(&self) -> &'static str {
        "mio"
    }

    fn connection(&self) -> io::Result<(Wire, TcpStream)> {
        tcp()
    }

    fn run(&self, jobs: Vec<Job<TcpStream>>) -> Vec<Report> {
        let config = Config { commands: 10_000, ..Config::default() };
        let sessions = Rc::new(Sessions::default());
        let mut shard = Shard::new(&config, Teller(sessions.clone())).unwrap();
        let handle = sessions.handle.get_or_init(|| shard.handle());
        for (number, mut job) in jobs.into_iter().enumerate() {
            let answers = job.begin();
            sessions.open(number, job, None, answers);
        }
        // A turn of the loop is a wake-up. The shard goes with all its sockets if a job has had enough. It tells what its
        // sessions hold together: exact where a scenario has one, and never too little for one of several.
        let goes_on = |jobs: &mut HashMap<Key, (usize, Job<TcpStream>)>| {
            let held = usize::try_from(handle.stats().held).unwrap();
            jobs.values_mut().all(|(_, job)| job.goes_on(held))
        };
        while !sessions.jobs.borrow().is_empty() && goes_on(&mut sessions.jobs.borrow_mut()) {
            shard.turn(None).unwrap();
        }
        drop(shard);
        for (_, (number, job)) in sessions.jobs.take() {
            sessions.done.borrow_mut().insert(number, job.report(None, Default::default()));
        }
        sessions.done.take().into_values().collect()
    }
}

/// The jobs, each with its number: by their sessions' keys, and the reports of those that are over.
#[derive(Default)]
struct Sessions {
    jobs: RefCell<HashMap<Key, (usize, Job<TcpStream>)>>,
    done: RefCell<BTreeMap<usize, Report>>,
    handle: OnceCell<Handle>,
}

impl Sessions {
    /// Opens a session of this job, with the viewer that its last one has left.
    fn open(
        &self,
        number: usize,
        mut job: Job<TcpStream>,
        near: Option<TcpStream>,
        answers: Vec<Answer<TcpStream>>,
    ) {
        let handle = self.handle.get().unwrap().clone();
        let key = handle.place().unwrap().open(job.session(now()).unwrap(), near, None).unwrap();
        let give = move |answer| handle.answer(key, translated(answer)).unwrap();
        answers.into_iter().for_each(&give);
        if let Some(late) = job.late() {
            thread::spawn(move || late.for_each(give));
        }
        self.jobs.borrow_mut().insert(key, (number, job));
    }
}

struct Teller(Rc<Sessions>);

impl Host for Teller {
    fn event(&mut self, key: Key, event: Event, answers: &mut Answers<'_>) {
        let mut jobs = self.0.jobs.borrow_mut();
        let (_, job) = jobs.get_mut(&key).unwrap();
        job.event(&event).into_iter().for_each(|answer| answers.give(translated(answer)));
    }

    fn over(&mut self, key: Key, over: Over) {
        let (number, mut job) = self.0.jobs.borrow_mut().remove(&key).unwrap();
        if over.near.is_some() {
            let answers = job.again(Some(&over.outcome));
            return self.0.open(number, job, over.near, answers);
        }
        let report = job.report(Some(over.outcome), over.traffic);
        self.0.done.borrow_mut().insert(number, report);
    }
}

fn translated(answer: Answer<TcpStream>) -> procy_mio::Answer {
    use procy_mio::Answer as To;
    match answer {
        Answer::Attach(side, stream) => To::Attach { side, stream },
        Answer::Broken(side, how) => To::Broken { side, how },
        Answer::Credential(credential) => To::Credential { credential, asked: now() },
        Answer::Accept => To::Accept,
        Answer::Refuse => To::Refuse,
        Answer::Close => To::Close,
        Answer::Abandon(reason) => To::Abandon { reason: reason.to_owned() },
    }
}

#[test]
fn mio_conforms() {
    if let Err(failures) = check(Mio) {
        panic!("{failures}");
    }
}
