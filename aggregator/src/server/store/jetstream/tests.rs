//! What rooms in JetStream promise when several servers believe to have one.

use server_process::NatsServer;

use super::*;
use crate::nats::Access;
use crate::server::store::tests::{Place, after, room};

/// A cluster of its own.
pub struct Cluster(NatsServer);

/// None where this machine has no NATS, which is said aloud.
pub fn place() -> Option<Cluster> {
    NatsServer::start_or_say().unwrap().map(Cluster)
}

impl Cluster {
    fn join(&self) -> JetStream {
        let (url, address) = (self.0.url(), "127.0.0.1:1".to_owned());
        let shared = Shared::join(&url, &Access::default(), "test", address, 1).unwrap();
        JetStream::new(shared, "a secret").unwrap()
    }
}

impl Place for Cluster {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.join())
    }
}

fn code() -> RoomCode {
    RoomCode::parse("KMPXZ").unwrap()
}

impl JetStream {
    /// Has the others give this server up, as if it had been silent for long; it does not notice yet.
    fn given_up(&self) {
        let (bucket, session) = (self.shared.bucket(), self.shared.session());
        self.shared.wait(ROOM_LIMIT, async move { Ok(bucket.purge(format!("member.{session}")).await?) }).unwrap();
    }

    /// Writes a room's key, whatever is there.
    fn tamper(&self, change: impl FnOnce(&mut Index)) {
        let (revision, mut index) = self.read_index(&code()).unwrap().unwrap();
        change(&mut index);
        let bucket = self.shared.bucket();
        let written = self
            .shared
            .wait(ROOM_LIMIT, async move { Shared::write_room(&bucket, &code(), &index, Some(revision)).await });
        assert!(matches!(written, Ok(Written::Done(_))));
    }
}

/// Tries until it is so: what another server did is seen a moment later.
fn soon(what: impl Fn() -> bool) {
    let patience = std::time::Instant::now() + Duration::from_secs(5);
    while !what() {
        assert!(std::time::Instant::now() < patience, "it did not come to be so");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_late_write_of_one_who_had_the_room_is_refused() {
    let Some(cluster) = place() else { return };
    let (old, new) = (cluster.join(), cluster.join());
    old.save(&after(3), true).unwrap();
    soon(|| matches!(new.whereabouts(&code()), Whereabouts::At(_)));
    assert!(new.claim(&code()).unwrap().is_none(), "its server lives");
    old.given_up();
    soon(|| new.unowned() == [code()]);
    let taken = new.claim(&code()).unwrap().unwrap();
    assert_eq!(taken.checkpoint(), after(3).checkpoint());
    // The one before wants to publish a version 4, and the new one does.
    let error = old.save(&after(4), true).unwrap_err();
    assert!(error.is::<Lost>(), "{error:#}");
    assert_eq!(new.stored(&code()).unwrap().checkpoint(), after(3).checkpoint());
    new.save(&after(4), true).unwrap();
    soon(|| old.may_tell(&code()).is_err_and(|error| error.is::<Lost>()));
    new.may_tell(&code()).unwrap();
    // It goes on as a new server, and has nothing of what it had.
    soon(|| old.try_writing().is_ok());
    assert!(old.save(&after(5), true).unwrap_err().is::<Lost>());
    assert!(matches!(old.whereabouts(&code()), Whereabouts::At(_)));
}

#[test]
fn a_room_that_was_given_up_is_had_at_once() {
    let Some(cluster) = place() else { return };
    let (old, new) = (cluster.join(), cluster.join());
    old.save(&after(2), true).unwrap();
    old.release(&code());
    soon(|| new.unowned() == [code()]);
    assert!(new.claim(&code()).unwrap().is_some() && old.claim(&code()).unwrap().is_none());
}

#[test]
fn who_looks_for_rooms_that_nobody_has_is_told_of_them() {
    let Some(cluster) = place() else { return };
    let (old, new) = (cluster.join(), cluster.join());
    old.save(&after(2), true).unwrap();
    soon(|| matches!(new.whereabouts(&code()), Whereabouts::At(_)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let freed = new.freed();
    let rings = || runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), freed.notified()).await });
    old.release(&code());
    rings().expect("a room that was given up");
    assert_eq!(new.unowned(), [code()]);
    assert!(old.claim(&code()).unwrap().is_some());
    soon(|| new.unowned().is_empty());
    // One that ends leaves its lease to nobody to wait for.
    old.leave();
    rings().expect("a server that ended");
    assert_eq!((new.unowned(), new.others().len()), (vec![code()], 0));
    assert!(new.claim(&code()).unwrap().is_some());
}

#[test]
fn of_servers_that_see_a_room_at_the_same_time_one_takes_it() {
    let Some(cluster) = place() else { return };
    let servers = [cluster.join(), cluster.join(), cluster.join()];
    servers[0].save(&after(2), true).unwrap();
    let mut has = 0;
    for _ in 0..20 {
        servers[has].release(&code());
        soon(|| servers.iter().all(|server| server.unowned() == [code()]));
        let taken = std::thread::scope(|scope| {
            servers
                .each_ref()
                .map(|server| scope.spawn(|| server.claim(&code()).unwrap()))
                .map(|took| took.join().unwrap())
        });
        let takers: Vec<usize> = (0..3).filter(|server| taken[*server].is_some()).collect();
        assert_eq!(takers.len(), 1, "{takers:?}");
        has = takers[0];
        assert_eq!(taken[has].as_ref().unwrap().checkpoint(), after(2).checkpoint());
        servers[has].save(&after(2), false).unwrap();
    }
}

/// The write is done and its answer lost: the next one does not find the key as it knows it.
#[test]
fn a_write_of_which_no_answer_came_is_ones_own() {
    let Some(cluster) = place() else { return };
    let store = cluster.join();
    store.save(&after(1), true).unwrap();
    store.tamper(|_| {});
    store.save(&after(2), true).unwrap();
    assert_eq!(store.stored(&code()).unwrap().checkpoint(), after(2).checkpoint());
}

#[test]
fn nothing_stays_in_nats_of_what_no_key_names() {
    let Some(cluster) = place() else { return };
    let store = cluster.join();
    for version in 0..=12 {
        store.save(&after(version), true).unwrap();
    }
    let names = |store: &JetStream| {
        let blobs = store.shared.blobs().clone();
        store.shared.wait(ROOM_LIMIT, async move { blobs.names("KMPXZ").await }).unwrap()
    };
    // Seven versions with what the strategy remembered, and twelve rounds in blobs of 8 and 4.
    soon(|| names(&store).len() == 2 * 7 + 2);
    // What a server left behind that died before it wrote the key goes when the room is taken.
    let blobs = store.shared.blobs().clone();
    store
        .shared
        .wait(ROOM_LIMIT, async move { blobs.put("KMPXZ.model-13-0".to_owned(), &[Bytes::from_static(b"half")]).await })
        .unwrap();
    assert_eq!(names(&store).len(), 2 * 7 + 3);
    store.release(&code());
    soon(|| store.unowned() == [code()]);
    store.claim(&code()).unwrap().unwrap();
    soon(|| names(&store).len() == 2 * 7 + 2);
    store.delete(&code()).unwrap();
    assert!(names(&store).is_empty());
}

#[test]
fn a_damaged_model_gives_way_to_the_newest_that_is_whole() {
    let Some(cluster) = place() else { return };
    let store = cluster.join();
    for version in [5, 6, 7] {
        store.save(&after(version), true).unwrap();
    }
    store.release(&code());
    let mut gone = None;
    store.tamper(|index| {
        let [.., six, seven] = index.models.as_mut_slice() else { panic!("{} models", index.models.len()) };
        seven.parameters.checksum ^= 1;
        gone = six.memory.clone();
    });
    let blobs = store.shared.blobs().clone();
    store.shared.wait(ROOM_LIMIT, async move { blobs.delete(&gone.unwrap()).await }).unwrap();
    soon(|| store.unowned() == [code()]);
    let room = store.claim(&code()).unwrap().unwrap();
    assert_eq!((room.model().version(), room.history().len()), (ModelVersion(5), 5));
    assert_eq!(room.model().parameters()[0], 0.05);
    // It makes these versions again; what is damaged is kept.
    for version in [6, 7] {
        store.save(&after(version), true).unwrap();
    }
    let (_, index) = store.read_index(&code()).unwrap().unwrap();
    assert_eq!((index.models.len(), index.aside.len()), (3, 4));
}

#[test]
fn a_room_of_which_nothing_can_be_used_is_left_as_it_is() {
    let Some(cluster) = place() else { return };
    let store = cluster.join();
    store.save(&room(), true).unwrap();
    store.release(&code());
    store.tamper(|index| index.models[0].memory.as_mut().unwrap().checksum ^= 1);
    soon(|| store.unowned() == [code()]);
    assert!(store.restore().unwrap().is_empty(), "without its strategy's memory a room would go on differently");
    assert!(store.contains(&code()).unwrap());
    soon(|| store.unowned() == [code()]);
    assert_eq!(store.read_index(&code()).unwrap().unwrap().1.owner, None, "another server may have more luck");
}

#[test]
fn one_of_those_that_start_together_makes_the_first_room() {
    let Some(cluster) = place() else { return };
    let servers: Vec<JetStream> = (0..3).map(|_| cluster.join()).collect();
    soon(|| servers.iter().all(|server| server.others().len() == 2));
    assert_eq!(servers.iter().filter(|server| server.makes_first_room()).count(), 1);
    let common =
        || Common { host: "h".to_owned(), watch: "w".to_owned(), member: format!("{}", rand::random::<u64>()) };
    let secrets: HashSet<String> =
        servers.iter().map(|server| server.shared.common(common()).unwrap().member).collect();
    assert_eq!(secrets.len(), 1);
}
