//! What a queue promises, with a real nats-server; where there is none, that is said aloud.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;

use async_nats::jetstream::AckKind;
use server_process::NatsServer;

use super::super::paper;
use super::order::{outcome, written};
use super::recordings::Recordings;
use super::work::Hearing;
use super::*;
use crate::simulator::{Dataset, Plan, RoundOutcome};

/// None where this machine has no NATS, which is said aloud.
fn place() -> Option<(NatsServer, Queue)> {
    let nats = NatsServer::start_or_say().unwrap()?;
    let queue = Queue::open(&nats.url(), &Access::default(), "test").unwrap();
    Some((nats, queue))
}

fn order(dataset: &Dataset) -> Order {
    let run = paper::runs(&paper::tests::options(), dataset).unwrap().remove(0);
    // Where its clips lie: FOLDER/speaker/label/clip.wav.
    let data = vec![dataset.clips[0].path.ancestors().nth(3).unwrap().to_owned()];
    Order::new(&run.key(), &Plan { data, ..run.plan }, &Recordings::of(dataset))
}

impl Queue {
    /// Puts something into a stream, whatever it is.
    fn smuggle(&self, subject: String, payload: Vec<u8>) {
        let jetstream = self.jetstream();
        self.wait(async move { Ok(jetstream.publish(subject, payload.into()).await?.await?) }).unwrap();
    }
}

/// Hears nothing, and has a run ended at its first step.
#[derive(Default)]
struct Impatient {
    waited: std::sync::Mutex<u32>,
}

impl Hearing for Impatient {
    fn begin(&self, _: &str, _: u64) {}
    fn step(&self) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
    fn round(&self, _: &str, _: &RoundOutcome) {}
    fn waits(&self, _: &str) -> ControlFlow<()> {
        *self.waited.lock().unwrap() += 1;
        ControlFlow::Break(())
    }
}

#[test]
fn a_plan_is_queued_once_and_the_first_outcome_is_the_one() {
    let Some((_nats, queue)) = place() else { return };
    let order = order(&paper::tests::dataset());
    let id = order.id();
    queue.ask(&order).unwrap();
    queue.ask(&order).unwrap();
    assert_eq!(queue.queued().unwrap(), [id.clone()].into());
    let taken = queue.take().unwrap().unwrap();
    assert_eq!(Order::read(&taken.message.payload, &taken.id).unwrap(), order);
    assert!(queue.take().unwrap().is_none(), "what one worker has no other is given");

    // Larger than one piece, and than one message may be.
    let first: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    assert!(queue.keep(&id, first.clone()).unwrap());
    assert!(!queue.keep(&id, b"of one who was thought dead".to_vec()).unwrap());
    assert_eq!(queue.outcome(&id).unwrap(), first);
    assert_eq!(queue.outcomes().unwrap(), [id.clone()].into());
    // As any program reads the object store, and with nothing left of the second.
    let (bucket, objects, name) = (queue.bucket.clone(), queue.objects.clone(), id.clone());
    let (read, messages) = queue
        .wait(async move {
            let mut read = Vec::new();
            bucket.get(&name).await?.read_to_end(&mut read).await?;
            Ok((read, objects.get_info().await?.state.messages))
        })
        .unwrap();
    assert_eq!(read, first);
    assert_eq!(messages, 3_000_000_u64.div_ceil(PIECE as u64) + 1);

    queue.settle(&taken, AckKind::Ack).unwrap();
    assert!(queue.queued().unwrap().is_empty());
    queue.forget(&id).unwrap();
    assert!(queue.outcomes().unwrap().is_empty());
    let objects = queue.objects.clone();
    assert_eq!(queue.wait(async move { Ok(objects.get_info().await?.state.messages) }).unwrap(), 0);
    // Neither the plan that was queued nor the outcome that is gone stands in the way.
    std::thread::sleep(SAME_WITHIN);
    queue.ask(&order).unwrap();
    assert_eq!(queue.queued().unwrap(), [id.clone()].into());
    assert!(queue.keep(&id, b"anew".to_vec()).unwrap());
    assert_eq!(queue.outcome(&id).unwrap(), b"anew");
}

#[test]
fn a_worker_takes_only_what_it_can_do_and_gives_up_what_others_died_of() {
    let Some((_nats, queue)) = place() else { return };
    let dataset = paper::tests::dataset();
    let order = order(&dataset);
    let id = order.id();
    queue.ask(&order).unwrap();
    // What it finds where the recordings should be.
    let found = RefCell::new(dataset.clone());
    found.borrow_mut().clips[3].example.values[0] += 1.0;
    let mut read = |_: &Plan, _: &[PathBuf]| Ok(found.borrow().clone());
    let hearing = Impatient::default();
    let turn = |worker: &mut Worker| loop {
        // What was left comes again after a while.
        match worker.turn(&hearing).unwrap() {
            Ended::Idle => {}
            ended => return ended,
        }
    };
    let mut elsewhere = Worker::new(&queue, "ada-1".to_owned(), vec!["/voices".into()], &mut read);
    let Ended::Left(why) = turn(&mut elsewhere) else { panic!("it took what it could not read") };
    assert!(why.contains("was given with --data"), "{why}");
    let mut worker = Worker::new(&queue, "bob-1".to_owned(), order.plan.data.clone(), &mut read);
    let Ended::Left(why) = turn(&mut worker) else { panic!("it took others' recordings") };
    assert!(why.contains("are not those that it is for: 40 clips here and 40 there"), "{why}");
    let (_, report) = queue.report(&id).unwrap().unwrap();
    assert_eq!((report.worker.as_str(), report.tries, report.cannot), ("bob-1", 0, Some(why)));

    // Stopped by its person: nobody died of it.
    *found.borrow_mut() = dataset.clone();
    let mut read = |_: &Plan, _: &[PathBuf]| Ok(found.borrow().clone());
    let mut worker = Worker::new(&queue, "bob-2".to_owned(), order.plan.data.clone(), &mut read);
    let Ended::Left(why) = turn(&mut worker) else { panic!("it went on") };
    assert!(why.ends_with("stopped"), "{why}");
    assert_eq!(queue.report(&id).unwrap(), None);

    // Five others began, and were never heard of again.
    let dead = Report { worker: "eve-1".to_owned(), tries: 5, steps: 7, round: Some((1, 0.5)), cannot: None };
    queue.tell(&id, &dead).unwrap();
    let Ended::Done(key, outcome_of) = turn(&mut worker) else { panic!("it tried once more") };
    let why = outcome_of.unwrap_err();
    assert_eq!((key, why.as_str()), (order.key.clone(), "5 workers began it, and none came to an end"));
    assert_eq!(outcome(&queue.outcome(&id).unwrap()), Err(why));
    assert!(queue.queued().unwrap().is_empty() && queue.reported().unwrap().is_empty());
}

#[test]
fn what_others_put_there_is_no_plan_no_report_and_no_outcome() {
    let Some((_nats, queue)) = place() else { return };
    let order = order(&paper::tests::dataset());
    let id = order.id();
    queue.smuggle(queue.subject("plans", &id), vec![b'['; 100_000]);
    let mut read = |_: &Plan, _: &[PathBuf]| panic!("nothing is to be read");
    let mut worker = Worker::new(&queue, "ada-1".to_owned(), vec!["voices".into()], &mut read);
    let Ended::Left(why) = worker.turn(&Impatient::default()).unwrap() else { panic!("it is no plan") };
    assert!(why.contains("it is no plan"), "{why}");
    queue.smuggle(queue.subject("reports", &id), b"{\"worker\":7}".to_vec());
    assert_eq!(queue.report(&id).unwrap(), None);
    // An object that says that it is another bucket's, one that says that it is huge, and one whose pieces are others.
    let info = |more: &str| format!("{{\"name\":\"{id}\",\"bucket\":\"test\",\"nuid\":\"a\",{more}}}").into_bytes();
    for said in [
        info("\"options\":{\"link\":{\"bucket\":\"other\",\"name\":\"x\"},\"max_chunk_size\":null},\"mtime\":null"),
        info("\"size\":9999999999,\"chunks\":1,\"mtime\":null"),
        info("\"size\":0,\"chunks\":0,\"deleted\":true,\"mtime\":null"),
    ] {
        queue.smuggle(queue.meta(&id), said);
        assert_eq!(queue.outcome(&id).unwrap(), b"");
        queue.forget(&id).unwrap();
    }
    assert!(queue.keep(&id, written(&Err("why".to_owned())).unwrap()).unwrap());
    assert_eq!(outcome(&queue.outcome(&id).unwrap()), Err("why".to_owned()));
}

#[test]
fn a_name_that_is_none_and_a_missing_nats_are_refused() {
    let refused = |servers, name| Queue::open(servers, &Access::default(), name).err().unwrap().to_string();
    let long = "x".repeat(33);
    for name in ["", "a b", "a.b", "a>", &long] {
        assert!(refused("nats://127.0.0.1:9", name).contains("a queue's name has up to 32"));
    }
    assert!(refused("nats://127.0.0.1:9", "test").contains("127.0.0.1:9 cannot be used"));
}
