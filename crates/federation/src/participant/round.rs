//! A round as a client goes through it: fetch the model, train, announce the update, send it.
//!
//! A finished update is kept until another round begins, so that it can be announced again after a lost connection
//! or when the round is repeated with the same model.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    Checksum, Chunk, ClientMessage, Difference, Encoding, Evaluation, ModelVersion, Receipt, RefusalReason, RoomConfig,
    Round, RoundTraining, Standardisation, TrainingResult, Transfer, TransferId,
};

use super::{ClippedGradients, Failure, Notice, NoticeCode, Output, Participant, TrainRequest, Work};
use crate::partial::Partial;
use crate::{Millis, local_work, masked, rounding, strategy::scaffold};

/// An update whose bytes were damaged on the way is sent so many times.
const MAX_SENDS: u32 = 3;

/// A model that was fetched, and which one it is. The checksum tells apart two rooms of the same code.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    transfer: Transfer,
    parameters: Arc<Vec<f32>>,
    /// What came behind the parameters: the server's control variate in a SCAFFOLD room, else nothing.
    control: Arc<Vec<f32>>,
    /// Of an edge, which passes it on: the difference as which it came, and its bytes.
    difference: Option<(Difference, Bytes)>,
}

impl Fetched {
    /// The difference as which it came, where that is passed on.
    pub fn difference(&self) -> Option<(Difference, Bytes)> {
        self.difference.clone()
    }

    /// What came behind the parameters.
    pub fn control(&self) -> Arc<Vec<f32>> {
        self.control.clone()
    }
}

/// What a model is fetched for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Round(Task),
    Finished(TheEnd),
}

/// What the server said of the finished model.
#[derive(Clone, Debug)]
pub(super) struct TheEnd {
    pub model_version: ModelVersion,
    pub standardisation: Standardisation,
    /// In a masked room, which attempt at the sum of evaluations is under way.
    pub attempt: Option<u32>,
}

/// What the server asked for in a round.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub round: Round,
    pub model_version: ModelVersion,
    pub model: Transfer,
    pub training: RoundTraining,
    pub standardisation: Standardisation,
    /// When it was asked for.
    pub asked: Millis,
    /// When the round closes.
    pub deadline: Millis,
}

impl Task {
    fn is_same(&self, other: &Task) -> bool {
        self.round == other.round
            && self.model_version == other.model_version
            && self.model.checksum == other.model.checksum
            && self.training == other.training
            && self.standardisation == other.standardisation
    }
}

/// What the client is at.
#[derive(Debug)]
pub(super) enum Job {
    None,
    Downloading(Box<Download>),
    Training { task: Task, correction: Option<Arc<Vec<f32>>>, evaluation: Option<Evaluation>, step: Option<Step> },
    Holding(Box<LocalUpdate>),
}

/// A model on its way.
#[derive(Debug)]
pub(super) struct Download {
    pub purpose: Purpose,
    model: Transfer,
    receipt: Receipt,
    arriving: Arriving,
}

/// What becomes of the bytes that come.
#[derive(Debug)]
enum Arriving {
    /// The values of the whole model.
    Whole(Vec<f32>),
    /// Bytes of a difference, and what it is a difference to; without that, to zeros.
    Difference(Option<Fetched>, Vec<u8>),
}

/// How far training has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub epoch: u32,
    pub epochs: u32,
    pub step: u32,
    pub steps: u32,
}

impl Step {
    fn fraction(&self) -> f32 {
        let epoch = f64::from(self.epoch) - 1.0 + f64::from(self.step) / f64::from(self.steps.max(1));
        (epoch / f64::from(self.epochs.max(1))).clamp(0.0, 1.0) as f32
    }
}

/// A finished update.
#[derive(Debug)]
pub(super) struct LocalUpdate {
    task: Task,
    bytes: Bytes,
    encoding: Encoding,
    checksum: Checksum,
    /// What rounding left out of it.
    rest: Vec<f32>,
    effort: Effort,
    /// What was added to its gradients, in a SCAFFOLD room.
    correction: Option<Arc<Vec<f32>>>,
    evaluation: Option<Evaluation>,
    /// Of an edge, what it is the sum of; its means are the bytes.
    partial: Option<Box<Partial>>,
    /// In a masked room, the difference of parameters; `bytes` are it, masked for one attempt.
    plain: Option<Plain>,
    sending: Sending,
    sends: u32,
}

/// An update that only leaves this client masked.
#[derive(Debug)]
pub(super) struct Plain {
    difference: Vec<f32>,
    /// The attempt that `bytes` are masked for.
    attempt: Option<u32>,
}

/// What went into an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub examples: u32,
    pub steps: u32,
    pub training: TrainingResult,
}

/// How far an update is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    NotYet,
    Announced(TransferId),
    Uploading(TransferId, u32),
    Accepted,
}

impl LocalUpdate {
    /// This update, where it waits for an attempt to be masked.
    pub(super) fn to_mask(&self, round: Round, attempt: u32) -> Option<&LocalUpdate> {
        let plain = self.plain.as_ref()?;
        (self.task.round == round && plain.attempt != Some(attempt)).then_some(self)
    }

    /// The numbers that are masked.
    pub(super) fn summand(&self, room: &RoomConfig) -> (Vec<f32>, Vec<u64>) {
        let Effort { examples, steps, training } = self.effort;
        let report = masked::Report { examples, steps, training, evaluation: self.evaluation.as_ref() };
        let mut values = self.plain.as_ref().map_or_else(Vec::new, |plain| plain.difference.clone());
        report.weigh(room, &mut values);
        (values, report.tail(room))
    }

    /// It is masked.
    pub(super) fn masked(&mut self, attempt: u32, bytes: Bytes) {
        if let Some(plain) = &mut self.plain {
            plain.attempt = Some(attempt);
        }
        self.checksum = Checksum::of(&bytes);
        (self.bytes, self.sending, self.sends) = (bytes, Sending::NotYet, 0);
    }

    /// In a SCAFFOLD room, the client's control variate after this update, worked out from the bytes that were sent, as
    /// the server does; and the version that the update is a difference to.
    fn next_variate(&self) -> Option<(ModelVersion, Vec<f32>)> {
        let correction = self.correction.as_ref()?;
        let sent = self.encoding.values(&self.bytes).ok()?;
        let rate = self.task.training.settings.learning_rate;
        Some((self.task.model_version, scaffold::next_variate(correction, sent, self.effort.steps, rate)))
    }
}

impl Download {
    /// Takes note of the next piece; true: it was the last. None: it is not what was announced.
    fn take(&mut self, chunk: &Chunk) -> Option<bool> {
        let complete = self.receipt.take(chunk).ok()?;
        match &mut self.arriving {
            Arriving::Whole(values) => values.extend(self.model.encoding.values(&chunk.payload).ok()?),
            Arriving::Difference(_, bytes) => bytes.extend_from_slice(&chunk.payload),
        }
        Some(complete)
    }
}

impl Arriving {
    /// The model, all bytes of which are there, with the difference as which it came if that is to be kept. None: the difference
    /// does not lead to it.
    fn fetched(self, model: Transfer, arrived: Transfer, parameters: Option<usize>, keep: bool) -> Option<Fetched> {
        let (from, mut values, bytes) = match self {
            Arriving::Whole(mut values) => {
                let control = values.split_off(parameters.unwrap_or(values.len()).min(values.len()));
                let (parameters, control) = (Arc::new(values), Arc::new(control));
                return Some(Fetched { transfer: model, parameters, control, difference: None });
            }
            Arriving::Difference(Some(before), bytes) => {
                let from = ModelVersion(before.transfer.id.0);
                (Some(from), Arc::unwrap_or_clone(before.parameters), bytes)
            }
            Arriving::Difference(None, bytes) => (None, vec![0.0; parameters?], bytes),
        };
        rounding::add(arrived.encoding, &bytes, &mut values).ok()?;
        // The announced checksum is that of the values as f32.
        let sum = Checksum::of(bytemuck::cast_slice(&values));
        let difference = keep.then(|| (Difference { from, transfer: arrived }, Bytes::from(bytes)));
        let fetched = || Fetched { transfer: model, parameters: Arc::new(values), control: Arc::default(), difference };
        (sum == model.checksum).then(fetched)
    }
}

/// What a room in which noise hides single clips asks for in place of training.
fn gradients(room: &RoomConfig) -> Option<ClippedGradients> {
    let noise = room.noise.filter(|noise| !noise.hides.is_person())?;
    Some(ClippedGradients { clip: noise.clip, most: room.weight_cap })
}

impl Participant {
    /// A round is open.
    pub(super) fn begin_round(&mut self, task: Task, difference: Option<Difference>) {
        if !self.wants_part() || !self.fits_room(&task.model, difference.as_ref(), &task.standardisation) {
            return;
        }
        match &self.job {
            // The connection was lost, or the round is repeated; what is done need not be done again.
            Job::Training { task: mine, .. } if mine.is_same(&task) => return self.sum_goes_on(&task),
            Job::Holding(update) if update.task.is_same(&task) => {
                self.sum_goes_on(&task);
                return self.announce();
            }
            Job::Downloading(download) if matches!(&download.purpose, Purpose::Round(mine) if mine.is_same(&task)) => {
                return;
            }
            // An asynchronous room still takes what was begun a few versions ago.
            Job::Training { task: mine, .. } if self.is_of_use(mine, &task) => return,
            Job::Holding(update) if update.sending != Sending::Accepted && self.is_of_use(&update.task, &task) => {
                return self.announce();
            }
            _ => {}
        }
        self.fetch(task.model, difference, Purpose::Round(task));
    }

    /// The round's model is here already: in a masked room, its sum begins anew or goes on.
    fn sum_goes_on(&mut self, task: &Task) {
        if let Some(fetched) = &self.fetched {
            let parameters = fetched.parameters.clone();
            self.begin_sum(task, &parameters);
            self.mask_update();
        }
    }

    /// Whether an update for an earlier task is still taken by a room that asks for a newer one.
    fn is_of_use(&self, mine: &Task, asked: &Task) -> bool {
        let most_stale = self.room.as_ref().map_or(0, |room| room.pace.most_stale());
        let behind = asked.model_version.0.checked_sub(mine.model_version.0);
        // Another history is that of other models: the host went back to an earlier version while this client was away.
        behind.is_some_and(|behind| behind <= most_stale && behind > 0) && self.history.starts_with(&self.earlier)
    }

    /// The room knows this client no more. In an asynchronous one, what it holds may be in the model already.
    pub(super) fn forget_earlier_work(&mut self, room: &RoomConfig) {
        if !room.pace.is_synchronous() && matches!(self.job, Job::Training { .. } | Job::Holding(_)) {
            self.abandon_job();
        }
    }

    /// A round was closed: what is left of this client's work for it is of no use, and the next one may do without it.
    pub(super) fn round_is_over(&mut self, round: Round) {
        let mine = match &self.job {
            Job::Downloading(download) => match &download.purpose {
                Purpose::Round(task) => task.round,
                Purpose::Finished(_) => return,
            },
            Job::Training { task, .. } => task.round,
            Job::Holding(update) => update.task.round,
            Job::None => return,
        };
        if mine <= round && self.room.as_ref().is_some_and(|room| room.pace.is_synchronous()) {
            self.abandon_job();
        }
    }

    /// The room is finished.
    pub(super) fn finish(&mut self, end: TheEnd, model: Transfer, difference: Option<Difference>) {
        if !self.fits_room(&model, difference.as_ref(), &end.standardisation) {
            return;
        }
        if self.finished == Some((end.model_version, model.checksum)) {
            return self.sum_up(&end);
        }
        if let Job::Downloading(download) = &mut self.job
            && let Purpose::Finished(wanted) = &mut download.purpose
            && (wanted.model_version, download.model.checksum) == (end.model_version, model.checksum)
        {
            wanted.attempt = end.attempt;
            return;
        }
        self.fetch(model, difference, Purpose::Finished(end));
    }

    /// The finished model is here: begins or goes on with the sum of evaluations, where there is one.
    fn sum_up(&mut self, end: &TheEnd) {
        if let (Some(attempt), Some(fetched)) = (end.attempt, &self.fetched) {
            let parameters = fetched.parameters.clone();
            self.begin_evaluation_sum(end.model_version, attempt, &end.standardisation, &parameters);
        }
    }

    /// Gets a model: it may be here already, or what it is a difference to.
    fn fetch(&mut self, model: Transfer, difference: Option<Difference>, purpose: Purpose) {
        self.abandon_job();
        self.earlier.clear();
        if let Some(fetched) = &self.fetched
            && (fetched.transfer.id, fetched.transfer.checksum) == (model.id, model.checksum)
        {
            let fetched = fetched.clone();
            return self.use_model(purpose, fetched);
        }
        // Freed before the next one takes its place, unless that is built on it.
        let before = self.fetched.take();
        let base = difference.filter(|difference| {
            difference.from.is_none_or(|from| before.as_ref().is_some_and(|before| before.transfer.id.0 == from.0))
        });
        if let Some(Difference { from, transfer }) = base {
            let onto =
                Arriving::Difference(before.filter(|_| from.is_some()), Vec::with_capacity(transfer.bytes as usize));
            return self.download(purpose, model, transfer, onto);
        }
        self.fetch_whole(model, purpose);
    }

    fn fetch_whole(&mut self, model: Transfer, purpose: Purpose) {
        let (in_group, width) = model.encoding.group();
        let count = model.bytes as usize / width * in_group;
        self.download(purpose, model, model, Arriving::Whole(Vec::with_capacity(count)));
    }

    fn download(&mut self, purpose: Purpose, model: Transfer, transfer: Transfer, arriving: Arriving) {
        self.job = Job::Downloading(Box::new(Download { purpose, model, receipt: Receipt::new(transfer), arriving }));
        self.send(ClientMessage::Download { transfer: transfer.id });
        self.changed = true;
    }

    /// Whether a piece of a model is to come.
    pub(super) fn awaits_piece(&self) -> bool {
        matches!(self.job, Job::Downloading(_))
    }

    /// Takes a piece of the model.
    pub(super) fn take_chunk(&mut self, chunk: &Chunk) {
        self.received += (protocol::limits::CHUNK_HEADER_BYTES + chunk.payload.len()) as u64;
        let Job::Downloading(download) = &mut self.job else {
            return; // The rest of a model that is not wanted any more.
        };
        let transfer = *download.receipt.transfer();
        if transfer.id != chunk.transfer {
            return;
        }
        self.changed = true;
        let Some(complete) = download.take(chunk) else {
            let message = "the model came damaged; connecting again".to_owned();
            self.notice = Some(Notice { code: NoticeCode::ModelDamaged, message });
            self.abandon_job();
            return self.drop_connection();
        };
        if complete && let Job::Downloading(download) = std::mem::replace(&mut self.job, Job::None) {
            let parameters = self.room.as_ref().map(|room| room.parameters as usize);
            let Download { purpose, model, receipt: _, arriving } = *download;
            match arriving.fetched(model, transfer, parameters, self.edge.is_some()) {
                Some(fetched) => {
                    self.fetched = Some(fetched.clone());
                    self.use_model(purpose, fetched);
                }
                // It is a difference to another model of that version: the host went back, and the rounds were played again.
                None => self.fetch_whole(model, purpose),
            }
        }
    }

    fn use_model(&mut self, purpose: Purpose, fetched: Fetched) {
        self.changed = true;
        let Fetched { transfer, parameters: model, control, difference: _ } = fetched;
        match purpose {
            Purpose::Round(task) => {
                self.begin_sum(&task, &model);
                let own = self.control.at(task.model_version);
                let correction = (!control.is_empty()).then(|| Arc::new(scaffold::correction(&control, own)));
                self.outputs.push_back(Output::Train(TrainRequest {
                    round: task.round,
                    model_version: task.model_version,
                    model,
                    standardisation: task.standardisation.clone(),
                    training: task.training,
                    proximal: self.room.as_ref().map_or(0.0, |room| room.strategy.proximal()),
                    correction: correction.clone(),
                    gradients: self.room.as_ref().and_then(gradients),
                    time_ms: self.time_to_train(&task),
                }));
                self.job = Job::Training { task, correction, evaluation: None, step: None };
            }
            Purpose::Finished(end) => {
                let TheEnd { model_version, standardisation, .. } = end.clone();
                self.finished = Some((model_version, transfer.checksum));
                self.outputs.push_back(Output::Finished { model_version, model, standardisation });
                self.sum_up(&end);
            }
        }
    }

    /// The time that is left for training, where the room has slow clients do fewer steps.
    fn time_to_train(&self, task: &Task) -> Option<u64> {
        let wanted = self.room.as_ref().is_some_and(|room| !room.stragglers.is_whole());
        let (left, download) = (task.deadline.since(self.now), self.now.since(task.asked));
        wanted.then(|| local_work::time_to_train(left, download))
    }

    /// A step of training is done.
    pub(super) fn take_step(&mut self, round: Round, done: Step) {
        let Job::Training { task, step, .. } = &mut self.job else {
            return;
        };
        if task.round != round {
            return;
        }
        *step = Some(done);
        self.changed = true;
        if self.progress_sent.is_none_or(|sent| self.now.since(sent) >= super::PROGRESS_EVERY_MS) {
            self.progress_sent = Some(self.now);
            let Step { epoch, epochs, step, steps } = done;
            self.send(ClientMessage::Progress { round, epoch, epochs, step, steps });
        }
    }

    /// How a model did on what this client holds back.
    pub(super) fn take_evaluation(&mut self, version: ModelVersion, result: Evaluation) {
        if self.finished.is_some_and(|(finished, _)| finished == version) {
            if self.is_masked() {
                // It would be this client's alone.
                self.own_evaluation = Some((version, result));
                return self.mask_evaluation();
            }
            let (group, by_group) = (self.told_group(), self.by_group.take());
            let evaluation = result;
            self.final_evaluation =
                Some(ClientMessage::Evaluation { model_version: version, evaluation, group, by_group });
            return self.send_final_evaluation();
        }
        if let Job::Training { task, evaluation, .. } = &mut self.job
            && task.model_version == version
        {
            *evaluation = Some(result);
        }
    }

    /// The group to be told: of those that the room has.
    pub(super) fn told_group(&self) -> Option<u32> {
        let groups = self.room.as_ref().map_or(0, |room| room.groups.len());
        self.group.filter(|&group| (group as usize) < groups)
    }

    /// Training is done: the parameters become the update.
    pub(super) fn take_trained(
        &mut self,
        round: Round,
        version: ModelVersion,
        mut parameters: Vec<f32>,
        effort: Effort,
    ) {
        let expected =
            matches!(&self.job, Job::Training { task, .. } if task.round == round && task.model_version == version);
        if !expected {
            return; // It was stopped, and this was on its way.
        }
        let Job::Training { task, correction, evaluation, .. } = std::mem::replace(&mut self.job, Job::None) else {
            return;
        };
        self.changed = true;
        let Some(fetched) = &self.fetched else { return };
        if parameters.len() != fetched.parameters.len() {
            return self.fail(
                "training gave another number of parameters than the model has; reload the page".to_owned(),
                false,
            );
        }
        for (parameter, global) in parameters.iter_mut().zip(fetched.parameters.iter()) {
            *parameter -= global;
        }
        if !parameters.iter().all(|difference| difference.is_finite()) {
            return self.fail("training left the numbers that can be computed with; the room's learning rate is too high for these examples".to_owned(), true);
        }
        let masking = self.room.as_ref().and_then(|room| room.masking);
        let plain = masking.map(|masking| {
            // A sum of gradients is of clipped ones.
            if self.room.as_ref().and_then(gradients).is_none() {
                masking::clip(&mut parameters, masking.clip);
            }
            Plain { difference: std::mem::take(&mut parameters), attempt: None }
        });
        let encoding = self.room.as_ref().map_or(task.model.encoding, |room| room.encoding);
        let rest = self.rest.at(task.model_version);
        let key = u64::from(self.client.map_or(0, |client| client.0)) << 32 | u64::from(task.model_version.0);
        let (bytes, rest) = rounding::round(encoding, parameters, rest, key);
        let checksum = Checksum::of(&bytes);
        self.job = Job::Holding(Box::new(LocalUpdate {
            task,
            bytes,
            encoding,
            checksum,
            rest,
            effort,
            correction,
            evaluation,
            partial: None,
            plain,
            sending: Sending::NotYet,
            sends: 0,
        }));
        self.announce();
        self.mask_update();
    }

    /// What an edge's clients gave is there: it is the update.
    pub(super) fn take_partial(&mut self, mut partial: Partial) {
        let expected = |task: &Task| (task.round, task.model_version) == (partial.round, partial.model_version);
        if !matches!(&self.job, Job::Training { task, .. } if expected(task)) {
            return; // The root went on meanwhile.
        }
        let Job::Training { task, .. } = std::mem::replace(&mut self.job, Job::None) else { return };
        let bytes = Encoding::F32.encode_slice(&std::mem::take(&mut partial.means));
        let checksum = Checksum::of(&bytes);
        self.job = Job::Holding(Box::new(LocalUpdate {
            task,
            bytes,
            encoding: Encoding::F32,
            checksum,
            rest: Vec::new(),
            effort: Effort { examples: partial.sum.examples, steps: 1, training: partial.training },
            correction: None,
            evaluation: None,
            partial: Some(Box::new(partial)),
            plain: None,
            sending: Sending::NotYet,
            sends: 0,
        }));
        self.changed = true;
        self.announce();
    }

    /// Announces the finished update, now or after the connection is back.
    pub(super) fn announce(&mut self) {
        let attempt = self.masking.as_ref().and_then(super::masking::Masking::attempt);
        let id = TransferId(self.next_transfer);
        let Job::Holding(update) = &mut self.job else {
            return;
        };
        if !self.link.is_open() || matches!(update.sending, Sending::Announced(_) | Sending::Uploading(..)) {
            return;
        }
        if update.plain.as_ref().is_some_and(|plain| plain.attempt.is_none() || plain.attempt != attempt) {
            return; // It waits for its masks.
        }
        self.next_transfer = self.next_transfer.wrapping_add(1);
        update.sending = Sending::Announced(id);
        // As long as the model, or twice, which was found to be no longer than a model may be.
        let bytes = update.bytes.len() as u32;
        let masked = update.plain.as_ref().zip(attempt).map(|(_, attempt)| ClientMessage::Masked {
            round: update.task.round,
            attempt,
            transfer: id,
            bytes,
            checksum: update.checksum,
        });
        let whole = Transfer { id, bytes, encoding: update.encoding, checksum: update.checksum };
        let partial = update.partial.as_ref().map(|partial| partial.announced(whole));
        let message = masked.or(partial).unwrap_or_else(|| ClientMessage::Update {
            round: update.task.round,
            model_version: update.task.model_version,
            examples: update.effort.examples,
            steps: update.effort.steps,
            update: whole,
            evaluation: update.evaluation.clone(),
            training: update.effort.training,
        });
        self.send(message);
        self.changed = true;
    }

    /// The server has room for the update.
    pub(super) fn upload(&mut self, transfer: TransferId) {
        if let Job::Holding(update) = &mut self.job
            && update.sending == Sending::Announced(transfer)
        {
            update.sending = Sending::Uploading(transfer, 0);
            update.sends += 1;
            let bytes = update.bytes.clone();
            self.outputs.push_back(Output::SendBytes { transfer, bytes });
            self.changed = true;
        }
    }

    /// So much was handed to the network.
    pub(super) fn take_sent(&mut self, transfer: TransferId, bytes: u32) {
        if let Job::Holding(update) = &mut self.job
            && let Sending::Uploading(id, sent) = &mut update.sending
            && *id == transfer
        {
            let on_wire = |bytes: u32| protocol::framed_bytes(bytes as usize);
            self.sent += on_wire(bytes).saturating_sub(on_wire(*sent));
            *sent = bytes.max(*sent);
            self.changed = true;
        }
    }

    /// The update is in the mean.
    pub(super) fn take_accepted(&mut self, round: Round) {
        self.accepted = Some(round);
        self.changed = true;
        if let Job::Holding(update) = &mut self.job
            && update.task.round == round
        {
            update.sending = Sending::Accepted;
            if let Some((version, next)) = update.next_variate() {
                self.control.accepted(version, next);
            }
            if !update.rest.is_empty() {
                self.rest.accepted(update.task.model_version, std::mem::take(&mut update.rest));
            }
        }
    }

    /// The update, or a piece of it, was not taken.
    pub(super) fn take_refused(&mut self, round: Option<Round>, reason: RefusalReason, message: String) {
        let Job::Holding(update) = &mut self.job else {
            return;
        };
        if round.is_some_and(|round| round != update.task.round) {
            return; // An earlier one; the client is past it.
        }
        self.changed = true;
        let sending = std::mem::replace(&mut update.sending, Sending::NotYet);
        if let Sending::Uploading(transfer, _) = sending {
            self.outputs.push_back(Output::StopSending { transfer });
        }
        use RefusalReason::*;
        match reason {
            Duplicate => update.sending = Sending::Accepted,
            Stale => self.job = Job::None,
            // At the end of the line; this is no failed try.
            TurnOver => {
                update.sends = update.sends.saturating_sub(1);
                self.announce();
            }
            // The next `round` says how to go on; if it is the same round with the same model, this update fits.
            RoundClosed | Future | NoRound | NotReady => {}
            Unannounced | OutOfOrder | TooShort | TooLong | WrongChecksum | Stalled | NotKept
                if update.sends < MAX_SENDS =>
            {
                self.announce();
            }
            _ => {
                // It would be refused again. Nobody should wait for this client until the round is over.
                self.notice = Some(Notice { code: NoticeCode::Refused(reason), message });
                self.job = Job::None;
                self.sitting_out = true;
                self.send(ClientMessage::Pause { diverged: false });
            }
        }
    }

    /// The connection is gone: what was on its way has to begin anew, what is computed goes on.
    pub(super) fn pause_transfers(&mut self) {
        self.progress_sent = None;
        match &mut self.job {
            Job::Downloading(_) => self.abandon_job(),
            Job::Holding(update) if update.sending != Sending::Accepted => update.sending = Sending::NotYet,
            _ => {}
        }
    }

    /// Ends what the client is at, because it is of no use any more.
    pub(super) fn abandon_job(&mut self) {
        match std::mem::replace(&mut self.job, Job::None) {
            Job::Training { .. } => self.outputs.push_back(Output::StopTraining),
            Job::Holding(update) => {
                if let Sending::Uploading(transfer, _) = update.sending {
                    self.outputs.push_back(Output::StopSending { transfer });
                }
            }
            // What it was built on stays.
            Job::Downloading(download) => {
                if let Arriving::Difference(before, _) = download.arriving {
                    self.fetched = before;
                }
            }
            Job::None => {}
        }
        self.changed = true;
    }

    /// What the client is at, for a person.
    pub(super) fn work(&self) -> Work {
        if let Some(Failure { reason, .. }) = &self.failure {
            return Work::Failed { reason: reason.clone() };
        }
        match &self.job {
            Job::None if self.statistics_wanted => Work::Statistics,
            Job::None => Work::Idle,
            Job::Downloading(download) => Work::Downloading { fraction: download.receipt.fraction() },
            Job::Training { task, step, .. } => {
                let fraction = step.as_ref().map_or(0.0, Step::fraction);
                let epochs = task.training.settings.epochs;
                let step = step.unwrap_or(Step { epoch: 0, epochs, step: 0, steps: 0 });
                Work::Training {
                    round: task.round,
                    epoch: step.epoch,
                    epochs: step.epochs,
                    step: step.step,
                    steps: step.steps,
                    fraction,
                }
            }
            Job::Holding(update) => {
                let round = update.task.round;
                match update.sending {
                    Sending::Accepted => Work::Idle,
                    Sending::NotYet | Sending::Announced(_) => Work::Waiting { round },
                    Sending::Uploading(_, sent) => {
                        let fraction = sent as f32 / update.bytes.len().max(1) as f32;
                        Work::Uploading { round, fraction: fraction.min(1.0) }
                    }
                }
            }
        }
    }

    /// Whether what the server announces is what the room was said to be.
    fn fits_room(
        &mut self,
        model: &Transfer,
        difference: Option<&Difference>,
        standardisation: &Standardisation,
    ) -> bool {
        let Some(room) = &self.room else { return false };
        let fits = model.bytes == room.model_bytes()
            && model.encoding == room.encoding.of_models()
            && difference.is_none_or(|difference| {
                let Transfer { bytes, encoding, .. } = difference.transfer;
                room.encoding.is_of_differences() && bytes as usize == encoding.length(room.parameters as usize)
            })
            && standardisation.mean.len() == room.features as usize;
        if !fits {
            let message = "the server's model does not fit the room; tell the host".to_owned();
            self.notice = Some(Notice { code: NoticeCode::ModelUnfit, message });
            self.changed = true;
        }
        fits
    }
}
