//! The event loop passes every scenario that all runtimes do.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::rc::Rc;

use procy_mio::core::event::Event;
use procy_mio::{Answers, Config, Host, Key, Over, Shard, now};
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
        let jobs_left = Rc::new(RefCell::new(HashMap::new()));
        let done = Rc::new(RefCell::new(HashMap::new()));
        let config = Config { commands: 10_000, ..Config::default() };
        let host = Desk { jobs: jobs_left.clone(), done: done.clone() };
        let mut shard = Shard::new(&config, host).unwrap();
        let handle = shard.handle();
        let mut keys = Vec::new();
        for mut job in jobs {
            let place = handle.place().unwrap();
            let key = place.open(job.session(now()).unwrap(), None, None).unwrap();
            for answer in job.begin() {
                handle.answer(key, translated(answer)).unwrap();
            }
            jobs_left.borrow_mut().insert(key, job);
            keys.push(key);
        }
        // A turn of the loop is a wake-up. The shard goes with all its sockets if a job has had enough. It tells what its
        // sessions hold together: exact where a scenario has one, and never too little for one of several.
        let goes_on = |jobs: &mut HashMap<Key, Job<TcpStream>>| {
            let held = usize::try_from(handle.stats().held).unwrap();
            jobs.values_mut().all(|job| job.goes_on(held))
        };
        while !jobs_left.borrow().is_empty() && goes_on(&mut jobs_left.borrow_mut()) {
            shard.turn(None).unwrap();
        }
        drop(shard);
        for (key, job) in jobs_left.take() {
            done.borrow_mut().insert(key, job.report(None, Default::default()));
        }
        keys.iter().map(|key| done.borrow_mut().remove(key).unwrap()).collect()
    }
}

struct Desk {
    jobs: Rc<RefCell<HashMap<Key, Job<TcpStream>>>>,
    done: Rc<RefCell<HashMap<Key, Report>>>,
}

impl Host for Desk {
    fn event(&mut self, key: Key, event: Event, answers: &mut Answers<'_>) {
        let mut jobs = self.jobs.borrow_mut();
        let job = jobs.get_mut(&key).unwrap();
        job.event(&event).into_iter().for_each(|answer| answers.give(translated(answer)));
    }

    fn over(&mut self, key: Key, over: Over) {
        let job = self.jobs.borrow_mut().remove(&key).unwrap();
        self.done.borrow_mut().insert(key, job.report(Some(over.outcome), over.traffic));
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
