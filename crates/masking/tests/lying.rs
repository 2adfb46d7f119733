//! A server that lies gets refusals or noise, and a client that lies is named.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use std::collections::BTreeMap;

use class::{Class, Failed, Step, numbers, random, seat, task};
use masking::{Answer, Fault, Member, NotOpened, Openings, Refusal, Tally, Task, Wrong};
use protocol::{Adversary, Agreement, ClientId, Hex, RosterEntry, Secret};

const NEVER: [Step; 6] = [Step::Never; 6];

fn clients(numbers: &[u32]) -> Vec<ClientId> {
    numbers.iter().copied().map(ClientId).collect()
}

/// A class whose keys are here, and its roster.
fn keyed(adversary: Adversary, clients: usize) -> (Class, Vec<RosterEntry>) {
    let mut class = Class::new(task(adversary), &NEVER[..clients]);
    let roster = class.give_keys().unwrap();
    (class, roster)
}

/// And whose numbers are in.
fn given(adversary: Adversary, clients: usize) -> (Class, Vec<ClientId>) {
    let (mut class, roster) = keyed(adversary, clients);
    class.deal(&roster).unwrap();
    class.open_boxes();
    let survivors = class.give_inputs().unwrap();
    (class, survivors)
}

/// A seat that the server made up.
fn made_up(task: &Task, client: u32) -> RosterEntry {
    let (_, keys) = Member::new(task.clone(), ClientId(client), seat(1_000 + client), &random(client, 77));
    RosterEntry { client: ClientId(client), keys }
}

#[test]
fn a_roster_that_is_not_what_clients_signed_is_refused() {
    let refused = |change: &dyn Fn(&mut Vec<RosterEntry>)| {
        let (mut class, mut roster) = keyed(Adversary::Active, 4);
        change(&mut roster);
        let refusal = class.member(ClientId(1)).roster(roster.clone()).unwrap_err();
        assert_eq!(
            class.member(ClientId(1)).roster(roster),
            Err(Refusal::OutOfStep),
            "and it stays out of this attempt"
        );
        refusal
    };
    assert_eq!(refused(&|roster| roster.truncate(2)), Refusal::TooFew { found: 2, least: 3 });
    assert_eq!(refused(&|roster| roster.retain(|entry| entry.client.0 != 1)), Refusal::NotMyself);
    assert_eq!(refused(&|roster| roster.swap(1, 2)), Refusal::NotInOrder);
    assert_eq!(refused(&|roster| roster[3] = roster[2]), Refusal::NotInOrder);
    assert_eq!(refused(&|roster| roster[2].keys.box_key = Hex([8; 32])), Refusal::BadSignature(ClientId(3)));
    assert_eq!(refused(&|roster| roster[3].client = ClientId(9)), Refusal::BadSignature(ClientId(9)));
    // One made-up seat in two places, and another that stands for this client.
    let (task, seats) = (task(Adversary::Active), NEVER.len() as u32);
    assert!(matches!(
        refused(&|roster| {
            let keys = made_up(&task, seats + 1).keys;
            roster.push(RosterEntry { client: ClientId(seats + 1), keys });
            roster.push(RosterEntry { client: ClientId(seats + 2), keys });
        }),
        Refusal::BadSignature(_)
    ));
    assert_eq!(refused(&|roster| roster[0] = made_up(&task, 1)), Refusal::NotMyself);
}

#[test]
fn clients_who_were_given_two_models_do_not_go_on_together() {
    let mut class = Class::new(task(Adversary::Active), &NEVER[..4]);
    let (other, keys) =
        Member::new(Task { model: [8; 32], ..task(Adversary::Active) }, ClientId(5), seat(5), &random(5, 1));
    let mut roster = class.give_keys().unwrap();
    roster.push(RosterEntry { client: ClientId(5), keys });
    for client in clients(&[1, 2, 3, 4]) {
        assert_eq!(class.member(client).roster(roster.clone()), Err(Refusal::BadSignature(ClientId(5))));
    }
    let mut other = other;
    assert_eq!(other.roster(roster), Err(Refusal::BadSignature(ClientId(1))));
    // And an honest server sees it before anyone is told.
    assert_eq!(Tally::new(class.task.clone()).keys(ClientId(5), keys).unwrap_err().what, Wrong::Signature);
}

#[test]
fn every_detail_of_what_a_sum_is_of_is_signed() {
    let agreed = task(Adversary::Active);
    let layout = agreed.layout;
    let others = [
        Task { room: protocol::RoomCode::parse("KMPXA").unwrap(), ..agreed.clone() },
        Task { round: protocol::Round(5), ..agreed.clone() },
        Task { attempt: 2, ..agreed.clone() },
        Task { purpose: masking::Purpose::Statistics, ..agreed.clone() },
        Task { model: [8; 32], ..agreed.clone() },
        Task { asked: [8; 32], ..agreed.clone() },
        Task { adversary: Adversary::Curious, ..agreed.clone() },
        Task { layout: masking::Layout { encoding: protocol::MaskedEncoding::Masked24, ..layout }, ..agreed.clone() },
        Task { layout: masking::Layout { values: 6, ..layout }, ..agreed.clone() },
        Task { layout: masking::Layout { tail: 3, ..layout }, ..agreed.clone() },
        Task { clip: 2.0, ..agreed.clone() },
    ];
    for other in others {
        let (_, keys) = Member::new(other.clone(), ClientId(1), seat(1), &random(1, 1));
        let told = Tally::new(agreed.clone()).keys(ClientId(1), keys).unwrap_err();
        assert_eq!(told, Fault { client: ClientId(1), what: Wrong::Signature }, "{other:?}");
    }
}

#[test]
fn two_first_rosters_leave_boxes_that_do_not_open() {
    // Clients 1 to 3 are told of a seat 7 that the server made up, 4 to 6 are not.
    let (mut class, roster) = keyed(Adversary::Active, 6);
    let mut second = roster.clone();
    second.push(made_up(&class.task, 7));
    let mut dealt = BTreeMap::new();
    for client in clients(&[1, 2, 3, 4, 5, 6]) {
        let told = if client.0 <= 3 { &second } else { &roster };
        dealt.insert(client, class.member(client).roster(told.clone()).unwrap());
    }
    let boxes = clients(&[2, 3, 4, 5, 6]).into_iter().map(|from| {
        let sealed = dealt[&from].iter().find(|sealed| sealed.client == ClientId(1)).unwrap();
        protocol::SealedShares { client: from, ..*sealed }
    });
    let boxes: Vec<_> = boxes.collect();
    let unopened = class.member(ClientId(1)).boxes(clients(&[1, 2, 3, 4, 5, 6]), &boxes).unwrap();
    assert_eq!(unopened, clients(&[4, 5, 6]));
}

#[test]
fn two_second_rosters_make_noise_and_signatures_that_nobody_takes() {
    for adversary in [Adversary::Curious, Adversary::Active] {
        let (mut class, roster) = keyed(adversary, 4);
        class.deal(&roster).unwrap();
        for client in clients(&[1, 2, 3, 4]) {
            let mut boxes = class.tally.boxes_for(client).unwrap();
            if client.0 >= 3 {
                // The server says that client 1 dealt nothing.
                boxes.clients.retain(|other| other.0 != 1);
                boxes.boxes.retain(|sealed| sealed.client.0 != 1);
            }
            class.member(client).boxes(boxes.clients, &boxes.boxes).unwrap();
        }
        for client in clients(&[1, 2, 3, 4]) {
            let (values, tail) = numbers(&class.task, client.0, 4);
            let bytes = class.member(client).masked(&values, &tail).unwrap();
            class.tally.input(client, &bytes).unwrap();
        }
        class.tally.close_inputs().unwrap();
        let told = |client: ClientId| if client.0 >= 3 { clients(&[2, 3, 4]) } else { clients(&[1, 2, 3, 4]) };
        let mut agreements = Vec::new();
        for client in clients(&[1, 2, 3, 4]) {
            match class.member(client).survivors(told(client), &mut Openings::default()).unwrap() {
                Answer::Agree(signature) => agreements.push(Agreement { client, signature }),
                Answer::Reveal(shares) => class.tally.reveal(client, &shares).unwrap(),
            }
        }
        if adversary == Adversary::Active {
            let refusal = class.member(ClientId(1)).agreements(&agreements, &mut Openings::default());
            assert_eq!(refusal, Err(Refusal::BadSignature(ClientId(3))));
            let refusal = class.member(ClientId(3)).agreements(&agreements[1..], &mut Openings::default());
            assert_eq!(refusal, Err(Refusal::BadSignature(ClientId(2))));
            continue;
        }
        // The seed of client 1 has two shares only, of three that are needed.
        assert!(!class.tally.may_open());
        assert!(matches!(class.tally.open(), Err(NotOpened::TooFew(_))));
    }
}

#[test]
fn masks_between_clients_who_were_told_two_second_rosters_do_not_cancel() {
    // All five dealt, and 4 and 5 are told that client 1 did not. Everyone helps, since the server is trusted to be honest.
    let (mut class, roster) = keyed(Adversary::Curious, 5);
    class.deal(&roster).unwrap();
    for client in clients(&[1, 2, 3, 4, 5]) {
        let mut boxes = class.tally.boxes_for(client).unwrap();
        if client.0 >= 4 {
            boxes.clients.retain(|other| other.0 != 1);
            boxes.boxes.retain(|sealed| sealed.client.0 != 1);
        }
        class.member(client).boxes(boxes.clients, &boxes.boxes).unwrap();
    }
    for client in clients(&[1, 2, 3, 4, 5]) {
        let (values, tail) = numbers(&class.task, client.0, 5);
        let bytes = class.member(client).masked(&values, &tail).unwrap();
        class.tally.input(client, &bytes).unwrap();
    }
    class.tally.close_inputs().unwrap();
    for client in clients(&[1, 2, 3, 4, 5]) {
        let told = if client.0 >= 4 { clients(&[2, 3, 4, 5]) } else { clients(&[1, 2, 3, 4, 5]) };
        let Answer::Reveal(shares) = class.member(client).survivors(told, &mut Openings::default()).unwrap() else {
            panic!("nobody signs where the server is thought to be honest");
        };
        class.tally.reveal(client, &shares).unwrap();
    }
    let opened = class.tally.open().unwrap();
    let (values, tail) = class.plain(5);
    assert!(opened.values.iter().zip(&values).all(|(opened, plain)| opened != plain), "{:?}", opened.values);
    assert!(opened.tail.iter().zip(&tail).all(|(opened, plain)| opened != plain));
}

#[test]
fn two_lists_of_survivors_open_nothing() {
    let (mut class, all) = given(Adversary::Active, 6);
    let fewer = clients(&[1, 2, 3, 4, 5]);
    let mut agreements = Vec::new();
    for client in clients(&[1, 2, 3, 4, 5, 6]) {
        let told = if client.0 <= 3 || client.0 == 6 { &all } else { &fewer };
        let Answer::Agree(signature) = class.member(client).survivors(told.clone(), &mut Openings::default()).unwrap()
        else {
            panic!("nobody opens anything before all agree");
        };
        agreements.push(Agreement { client, signature });
    }
    let ask = |class: &mut Class, client: u32, agreements: &[Agreement]| {
        class.member(ClientId(client)).agreements(agreements, &mut Openings::default())
    };
    assert_eq!(ask(&mut class, 1, &agreements), Err(Refusal::BadSignature(ClientId(4))));
    // Those who signed the same are too few, and none counts twice.
    let same = [agreements[0], agreements[1], agreements[2], agreements[5]];
    assert_eq!(ask(&mut class, 2, &same), Err(Refusal::TooFew { found: 4, least: 5 }));
    let twice = [same[0], same[1], same[2], same[3], same[0]];
    assert_eq!(ask(&mut class, 3, &twice), Err(Refusal::TooFew { found: 4, least: 5 }));
    assert_eq!(ask(&mut class, 4, &[agreements[3], agreements[5]]), Err(Refusal::Stranger(ClientId(6))));
    // Nobody is asked again once it has said no.
    assert_eq!(ask(&mut class, 1, &agreements), Err(Refusal::OutOfStep));
}

#[test]
fn nobody_reveals_both_secrets_of_a_client() {
    for adversary in [Adversary::Curious, Adversary::Active] {
        let (mut class, all) = given(adversary, 6);
        for client in clients(&[1, 2, 3]) {
            class.member(client).survivors(all[..5].to_vec(), &mut Openings::default()).unwrap();
        }
        // Whatever came of that, the same attempt is not answered a second time with client 6 in the sum.
        for client in clients(&[1, 2, 3]) {
            let refusal = class.member(client).survivors(all.clone(), &mut Openings::default());
            assert_eq!(refusal, Err(Refusal::OutOfStep));
        }
    }
    // And in one answer there is one secret of each.
    let mut class =
        Class::new(task(Adversary::Active), &[Step::Never, Step::Never, Step::Never, Step::Never, Step::Input]);
    let roster = class.give_keys().unwrap();
    class.deal(&roster).unwrap();
    class.open_boxes();
    let survivors = class.give_inputs().unwrap();
    for (_, shares) in class.reveals(&survivors).unwrap() {
        let secrets: Vec<(u32, Secret)> = shares.iter().map(|share| (share.client.0, share.secret)).collect();
        let seed = |client| (client, Secret::SelfSeed);
        assert_eq!(secrets, [seed(1), seed(2), seed(3), seed(4), (5, Secret::MaskKey)]);
    }
}

#[test]
fn lists_of_survivors_that_hide_nobody_are_refused() {
    let refused = |told: &[u32]| {
        let (mut class, _) = given(Adversary::Active, 6);
        class.member(ClientId(1)).survivors(clients(told), &mut Openings::default()).unwrap_err()
    };
    assert_eq!(refused(&[1, 2, 3, 4]), Refusal::TooFew { found: 4, least: 5 });
    assert_eq!(refused(&[2, 3, 4, 5, 6]), Refusal::NotMyself);
    assert_eq!(refused(&[1, 2, 3, 4, 5, 5]), Refusal::NotInOrder);
    assert_eq!(refused(&[1, 2, 3, 4, 5, 7]), Refusal::Stranger(ClientId(7)));
    // Where the server is thought honest, two would be a majority of three; but one of two knows the other's numbers.
    let (mut class, _) = given(Adversary::Curious, 3);
    let refusal = class.member(ClientId(1)).survivors(clients(&[1, 2]), &mut Openings::default());
    assert_eq!(refusal, Err(Refusal::TooFew { found: 2, least: 3 }));
}

#[test]
fn an_attempt_cannot_be_played_again() {
    let (class, old) = keyed(Adversary::Active, 4);
    let mut again = Class::new(Task { attempt: 2, ..class.task.clone() }, &NEVER[..4]);
    let new = again.give_keys().unwrap();
    assert_eq!(again.member(ClientId(1)).roster(old.clone()), Err(Refusal::BadSignature(ClientId(1))));
    let mut mixed = new.clone();
    mixed[3] = old[3];
    assert_eq!(again.member(ClientId(2)).roster(mixed), Err(Refusal::BadSignature(ClientId(4))));
    // The same attempt with keys that were drawn anew, as after a reload: the old roster is none of its.
    let (mut reloaded, _) = Member::new(class.task.clone(), ClientId(1), seat(1), &random(1, 99));
    assert_eq!(reloaded.roster(old), Err(Refusal::NotMyself));
}

#[test]
fn one_client_fewer_over_the_same_model_is_refused() {
    let mut first = Class::new(task(Adversary::Active), &NEVER);
    first.play().unwrap();
    let attempt = |last: &[Step], task: Task| {
        let mut class = Class::again(task, last, first.openings.clone());
        let roster = class.give_keys().unwrap();
        class.deal(&roster).unwrap();
        class.open_boxes();
        let survivors = class.give_inputs().unwrap();
        let openings = class.openings.get_mut(&ClientId(1)).unwrap();
        class.members.get_mut(&ClientId(1)).unwrap().survivors(survivors, openings)
    };
    let again = Task { attempt: 2, ..task(Adversary::Active) };
    let (never, gone) = (Step::Never, Step::Input);
    assert_eq!(attempt(&[never, never, never, never, never, gone], again.clone()), Err(Refusal::SinglesOut));
    // All the same ones again: the sum that is known already.
    assert!(attempt(&NEVER, again.clone()).is_ok());
    // Another model: other numbers.
    let next = Task { model: [10; 32], ..again.clone() };
    assert!(attempt(&[never, never, never, never, never, gone], next).is_ok());
    // A seat that is called by another number is the same seat: `again`, with three who are new, hides the one who is gone.
    let (mut class, three) = (Class::again(again, &[never; 9], first.openings.clone()), 3);
    class.last.insert(ClientId(6), Step::Keys);
    let roster = class.give_keys().unwrap();
    assert_eq!(roster.len(), 5 + three);
    class.deal(&roster).unwrap();
    class.open_boxes();
    let survivors = class.give_inputs().unwrap();
    class.reveals(&survivors).unwrap();
    // But a third sum of this model is one too many.
    let third = Task { attempt: 3, ..task(Adversary::Active) };
    let openings = class.openings;
    let mut class = Class::again(third, &[never; 12], openings);
    let roster = class.give_keys().unwrap();
    class.deal(&roster).unwrap();
    class.open_boxes();
    let survivors = class.give_inputs().unwrap();
    let openings = class.openings.get_mut(&ClientId(1)).unwrap();
    let refusal = class.members.get_mut(&ClientId(1)).unwrap().survivors(survivors, openings);
    assert_eq!(refusal, Err(Refusal::SinglesOut));
}

#[test]
fn a_client_that_renames_others_is_not_fooled() {
    // The same six seats under other numbers, but for one that is gone.
    let mut first = Class::new(task(Adversary::Active), &NEVER);
    first.play().unwrap();
    let again = Task { attempt: 2, ..task(Adversary::Active) };
    let mut tally = Tally::new(again.clone());
    let mut members = BTreeMap::new();
    for number in 1..=5_u32 {
        let client = ClientId(number + 20);
        let (member, keys) = Member::new(again.clone(), client, seat(number), &random(number, 2));
        members.insert(client, member);
        tally.keys(client, keys).unwrap();
    }
    let roster = tally.close_keys().unwrap();
    for (client, member) in &mut members {
        tally.shares(*client, member.roster(roster.clone()).unwrap()).unwrap();
    }
    tally.close_shares().unwrap();
    for (client, member) in &mut members {
        let boxes = tally.boxes_for(*client).unwrap();
        member.boxes(boxes.clients, &boxes.boxes).unwrap();
        let (values, tail) = numbers(&again, client.0, 5);
        tally.input(*client, &member.masked(&values, &tail).unwrap()).unwrap();
    }
    let survivors = tally.close_inputs().unwrap();
    let openings = first.openings.get_mut(&ClientId(1)).unwrap();
    assert_eq!(members.get_mut(&ClientId(21)).unwrap().survivors(survivors, openings), Err(Refusal::SinglesOut));
}

#[test]
fn numbers_are_masked_once_and_only_such_as_fit() {
    let (mut class, roster) = keyed(Adversary::Active, 4);
    class.deal(&roster).unwrap();
    class.open_boxes();
    let member = class.member(ClientId(1));
    let largest = member.task().layout.encoding.largest(4);
    assert_eq!(member.masked(&[0; 4], &[0; 2]), Err(Refusal::WrongVector));
    assert_eq!(member.masked(&[0, 0, largest + 1, 0, 0], &[0; 2]), Err(Refusal::WrongVector));
    assert_eq!(member.masked(&[0, 0, i32::MIN, 0, 0], &[0; 2]), Err(Refusal::WrongVector));
    let quantised = member.quantised(&[1.0, -1.0, 0.0, 0.5, -0.25]).unwrap();
    assert_eq!((quantised[0], quantised[1]), (largest, -largest));
    assert!(member.masked(&quantised, &[0; 2]).is_ok());
    assert_eq!(member.masked(&quantised, &[0; 2]), Err(Refusal::OutOfStep));
}

#[test]
fn points_that_are_no_keys_name_their_client() {
    let task = task(Adversary::Active);
    let mut tally = Tally::new(task.clone());
    let (_, mut keys) = Member::new(task.clone(), ClientId(1), seat(1), &random(1, 1));
    keys.mask_key = Hex([0; 32]);
    assert_eq!(tally.keys(ClientId(1), keys).unwrap_err().what, Wrong::Signature);
    // Another client's keys are not this one's, nor twice one's own.
    let (_, others) = Member::new(task.clone(), ClientId(2), seat(2), &random(2, 1));
    tally.keys(ClientId(2), others).unwrap();
    assert_eq!(tally.keys(ClientId(1), others).unwrap_err().what, Wrong::Signature);
    assert_eq!(tally.keys(ClientId(2), others).unwrap_err().what, Wrong::Twice);
    let (_, same) = Member::new(task, ClientId(3), seat(2), &random(3, 1));
    assert_eq!(tally.keys(ClientId(3), same), Err(Fault { client: ClientId(3), what: Wrong::Key }));
}

#[test]
fn a_client_whose_boxes_do_not_open_is_named_when_too_many_say_so() {
    let (mut class, roster) = keyed(Adversary::Active, 6);
    for client in clients(&[1, 2, 3, 4, 5, 6]) {
        let mut sealed = class.member(client).roster(roster.clone()).unwrap();
        if client.0 == 2 {
            sealed[0].sealed.0[5] ^= 1; // for client 1
            sealed[1].self_check.0[0] ^= 1; // for client 3
        }
        class.tally.shares(client, sealed).unwrap();
    }
    class.tally.close_shares().unwrap();
    for client in clients(&[1, 2, 3, 4, 5, 6]) {
        let boxes = class.tally.boxes_for(client).unwrap();
        let unopened = class.member(client).boxes(boxes.clients, &boxes.boxes).unwrap();
        match client.0 {
            // One box of six may be lacking, two may not: five shares are needed.
            1 => {
                assert_eq!(unopened, clients(&[2]));
                assert_eq!(class.tally.unopened(client, &unopened), Ok(()));
                assert_eq!(class.tally.unopened(client, &unopened), Ok(()), "it counts once");
            }
            3 => {
                assert_eq!(unopened, clients(&[2]));
                let named = Fault { client: ClientId(2), what: Wrong::Boxes };
                assert_eq!(class.tally.unopened(client, &unopened), Err(named));
            }
            _ => assert_eq!(unopened, clients(&[])),
        }
    }
    // Who complains of itself or of nobody's boxes has nothing to say.
    assert_eq!(class.tally.unopened(ClientId(4), &clients(&[4])).unwrap_err().client, ClientId(4));
    assert_eq!(class.tally.unopened(ClientId(4), &clients(&[9])).unwrap_err().client, ClientId(4));
}

#[test]
fn one_box_that_does_not_open_costs_nothing() {
    let (mut class, roster) = keyed(Adversary::Active, 6);
    for client in clients(&[1, 2, 3, 4, 5, 6]) {
        let mut sealed = class.member(client).roster(roster.clone()).unwrap();
        if client.0 == 2 {
            sealed[0].sealed.0[79] ^= 0x80;
        }
        class.tally.shares(client, sealed).unwrap();
    }
    class.tally.close_shares().unwrap();
    for client in clients(&[1, 2, 3, 4, 5, 6]) {
        let boxes = class.tally.boxes_for(client).unwrap();
        let unopened = class.member(client).boxes(boxes.clients, &boxes.boxes).unwrap();
        class.tally.unopened(client, &unopened).unwrap();
    }
    let survivors = class.give_inputs().unwrap();
    for (client, shares) in class.reveals(&survivors).unwrap() {
        assert_eq!(shares.len(), if client.0 == 1 { 5 } else { 6 });
        class.tally.reveal(client, &shares).unwrap();
    }
    let opened = class.tally.open().unwrap();
    assert_eq!((opened.values, opened.tail), class.plain(6));
}

#[test]
fn who_reveals_rubbish_is_named_and_the_sum_comes_out_without_it() {
    type Change = fn(&mut Vec<protocol::RevealedShare>);
    let changes: [(Change, Wrong); 4] = [
        (|shares| shares[1].share.0[0] ^= 1, Wrong::Share),
        (|shares| shares[1].secret = Secret::MaskKey, Wrong::Reveals),
        (|shares| shares[1].client = ClientId(99), Wrong::Reveals),
        (|shares| shares[1] = shares[2], Wrong::Reveals),
    ];
    for (change, what) in changes {
        let (mut class, survivors) = given(Adversary::Active, 6);
        for (client, mut shares) in class.reveals(&survivors).unwrap() {
            if client.0 != 4 {
                class.tally.reveal(client, &shares).unwrap();
                continue;
            }
            change(&mut shares);
            assert_eq!(class.tally.reveal(client, &shares), Err(Fault { client, what }));
            assert!(!class.tally.missing().contains(&client), "nobody waits for it any more");
            assert_eq!(class.tally.reveal(client, &shares).unwrap_err().what, Wrong::Twice);
        }
        assert!(class.tally.may_open());
        let opened = class.tally.open().unwrap();
        assert_eq!((opened.values, opened.tail), class.plain(6), "{what:?}");
    }
}

#[test]
fn who_shares_another_secret_than_it_said_is_named() {
    // A client's own share goes to nobody before it reveals it: client 1 of three says another one, and three are needed.
    let (mut class, survivors) = given(Adversary::Active, 3);
    for (client, mut shares) in class.reveals(&survivors).unwrap() {
        if client.0 == 1 {
            shares[0].share.0[7] ^= 1;
        }
        class.tally.reveal(client, &shares).unwrap();
    }
    let named = Fault { client: ClientId(1), what: Wrong::Secret };
    assert_eq!(class.tally.open(), Err(NotOpened::Fault(named)));
}

#[test]
fn what_does_not_come_now_changes_nothing() {
    let (mut class, roster) = keyed(Adversary::Active, 4);
    let out_of_step = |fault: Fault| fault.what == Wrong::OutOfStep;
    assert!(out_of_step(class.tally.keys(ClientId(9), roster[0].keys).unwrap_err()));
    assert!(out_of_step(class.tally.input(ClientId(1), &[0; 36]).unwrap_err()));
    assert!(out_of_step(class.tally.agree(ClientId(1), Hex([0; 64])).unwrap_err()));
    assert!(out_of_step(class.tally.reveal(ClientId(1), &[]).unwrap_err()));
    assert!(out_of_step(class.tally.unopened(ClientId(1), &[]).unwrap_err()));
    assert!(class.tally.close_keys().is_err() && class.tally.close_inputs().is_err() && class.tally.open().is_err());
    let sealed = class.member(ClientId(1)).roster(roster.clone()).unwrap();
    assert!(out_of_step(class.tally.shares(ClientId(8), sealed.clone()).unwrap_err()));
    assert_eq!(class.tally.shares(ClientId(1), sealed[1..].to_vec()).unwrap_err().what, Wrong::Recipients);
    class.tally.shares(ClientId(1), sealed.clone()).unwrap();
    assert_eq!(class.tally.shares(ClientId(1), sealed).unwrap_err().what, Wrong::Twice);
    assert_eq!(class.tally.missing(), clients(&[2, 3, 4]));
    for client in clients(&[2, 3, 4]) {
        let sealed = class.member(client).roster(roster.clone()).unwrap();
        class.tally.shares(client, sealed).unwrap();
    }
    class.tally.close_shares().unwrap();
    assert_eq!(class.tally.boxes_for(ClientId(9)), None);
    assert_eq!(class.tally.input(ClientId(1), &[0; 35]).unwrap_err().what, Wrong::Length);
    class.open_boxes();
    class.give_inputs().unwrap();
    assert_eq!(class.tally.agree(ClientId(1), Hex([0; 64])).unwrap_err().what, Wrong::Signature);
    assert_eq!(class.tally.missing(), clients(&[1, 2, 3, 4]));
}

#[test]
fn a_roster_is_said_in_the_same_words_by_all() {
    let (mut class, roster) = keyed(Adversary::Active, 4);
    assert_eq!(class.member(ClientId(1)).words(), None);
    class.deal(&roster).unwrap();
    let all: Vec<_> = class.members.values().map(|member| member.words().unwrap()).collect();
    assert!(all.iter().all(|words| *words == all[0]));
    assert_eq!(all[0], masking::words(roster.iter().map(|entry| entry.keys.seat)));
}

#[test]
fn nothing_secret_is_said_to_a_log() {
    let (class, _) = keyed(Adversary::Active, 3);
    let said = format!("{:?} {:?} {:?}", class.members, class.tally, seat(1));
    assert!(!said.contains("Secrets") && !said.contains("seed") && said.len() < 4_000, "{said}");
    let _ = Failed::NotOpened;
}
