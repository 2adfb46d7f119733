//! Carries out what the participant wants: sockets, timers, statistics and training. It decides nothing about the
//! rounds.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use client::{LocalRound, RoundWork, translate};
use federation::{Input, Millis, Output, TrainRequest};
use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use js_sys::Float32Array;
use protocol::{Chunk, Evaluation, ModelVersion, TransferId};
use wasm_bindgen_futures::spawn_local;

use crate::app::{App, OwnResult, SharedModel, TrainerState, now};
use crate::failure::Failure;
use crate::socket::{Socket, SocketEvent};
use crate::trainer_link::{TrainerEvent, TrainerLink};
use crate::training::{Choice, Examples, Job, Model, Prepared, Progress, RoundResult};
use crate::trying::no_model;

/// Bytes that may wait in the browser's socket before more are given to it.
const MOST_WAITING: u32 = 1 << 20;
/// How long to wait before looking again whether they have left, ms.
const LOOK_AGAIN_MS: u32 = 15;

fn millis() -> Millis {
    Millis(now() as u64)
}

impl App {
    /// Tells the participant what happened and does what follows from it.
    pub(crate) fn input(self: &Rc<Self>, input: Input) {
        if let Some(participant) = self.participant.borrow_mut().as_mut() {
            participant.handle(millis(), input);
        }
        self.pump();
    }

    /// Does all that the participant wants, and sees to being woken when it next wants something.
    pub(crate) fn pump(self: &Rc<Self>) {
        loop {
            let output = self.participant.borrow_mut().as_mut().and_then(federation::Participant::poll_output);
            let Some(output) = output else { break };
            self.carry_out(output);
        }
        let wake = self.participant.borrow().as_ref().and_then(federation::Participant::next_timeout);
        let timer = wake.map(|at| {
            let app = Rc::clone(self);
            let wait = at.since(millis()).min(60_000) as u32;
            Timeout::new(wait, move || {
                if let Some(participant) = app.participant.borrow_mut().as_mut() {
                    participant.handle_timeout(millis());
                }
                app.pump();
            })
        });
        // The timer that has just fired is dropped here too, which does nothing.
        self.timer.replace(timer);
        self.show();
    }

    fn carry_out(self: &Rc<Self>, output: Output) {
        match output {
            Output::Connect => self.connect(),
            Output::Disconnect => {
                // Nothing that this socket still says is meant for the participant.
                self.socket_number.set(self.socket_number.get() + 1);
                self.sending.set(self.sending.get() + 1);
                self.socket.replace(None);
            }
            Output::Send(message) => {
                // Our own messages are plain data: writing them as JSON cannot fail.
                if let (Some(socket), Ok(text)) = (self.socket.borrow().as_ref(), serde_json::to_string(&message)) {
                    self.bytes_sent.set(self.bytes_sent.get() + text.len() as u64);
                    self.receipts.borrow_mut().message(&message, &text);
                    socket.send_text(&text);
                }
            }
            Output::SendBytes { transfer, bytes } => self.send_bytes(transfer, bytes),
            Output::StopSending { .. } => self.sending.set(self.sending.get() + 1),
            Output::RememberToken(token) => {
                let app = Rc::clone(self);
                spawn_local(async move {
                    let stored = app.change_seat(|seat| seat.token = Some(token.secret().to_owned())).await;
                    app.tell(stored);
                });
            }
            Output::ComputeStatistics => {
                let app = Rc::clone(self);
                spawn_local(async move {
                    app.input(client::statistics(&app.training_clips()));
                });
            }
            Output::Train(request) => self.train(request),
            Output::StopTraining => {
                self.job.set(self.job.get() + 1);
                if let Some(link) = self.link.borrow().as_ref() {
                    link.stop();
                }
            }
            Output::Finished { model_version, model, standardisation } => {
                self.keep_model(model_version, model, &standardisation);
                self.evaluate_finished();
                self.tune_finished();
            }
            Output::Changed => {}
        }
    }

    fn connect(self: &Rc<Self>) {
        let number = self.socket_number.get() + 1;
        self.socket_number.set(number);
        let app = Rc::clone(self);
        let opened = self.origin().and_then(|origin| {
            Socket::open(
                &origin,
                Rc::new(move |event| {
                    // A late word of a socket that was replaced.
                    if app.socket_number.get() == number {
                        app.hear(event);
                    }
                }),
            )
        });
        match opened {
            Ok(socket) => drop(self.socket.replace(Some(Rc::new(socket)))),
            Err(failure) => {
                self.notice("error", failure.code, &failure.message);
                let app = Rc::clone(self);
                spawn_local(async move { app.input(Input::Closed) });
            }
        }
    }

    fn hear(self: &Rc<Self>, event: SocketEvent) {
        let received = match &event {
            SocketEvent::Text(text) => text.len(),
            SocketEvent::Binary(frame) => frame.len(),
            SocketEvent::Opened | SocketEvent::Closed => 0,
        };
        self.bytes_received.set(self.bytes_received.get() + received as u64);
        let input = match event {
            SocketEvent::Opened => Input::Opened,
            SocketEvent::Closed => {
                self.sending.set(self.sending.get() + 1);
                Input::Closed
            }
            SocketEvent::Text(text) => match protocol::parse_server(&text) {
                Ok(message) => Input::Message(message),
                Err(error) => Input::Malformed(error),
            },
            SocketEvent::Binary(frame) => match Chunk::parse(Bytes::from(frame)) {
                Ok(chunk) => Input::Chunk(chunk),
                Err(error) => Input::Malformed(error),
            },
        };
        self.input(input);
    }

    /// Sends chunks as fast as the network takes them.
    fn send_bytes(self: &Rc<Self>, transfer: TransferId, bytes: Bytes) {
        let number = self.sending.get() + 1;
        self.sending.set(number);
        let app = Rc::clone(self);
        let Some(socket) = self.socket.borrow().clone() else { return };
        spawn_local(async move {
            let mut sent = 0;
            for frame in protocol::chunks(transfer, bytes) {
                while socket.waiting_bytes() > MOST_WAITING && app.sending.get() == number && socket.is_open() {
                    TimeoutFuture::new(LOOK_AGAIN_MS).await;
                }
                if app.sending.get() != number || !socket.is_open() {
                    return;
                }
                app.receipts.borrow_mut().frame(&frame, app.encoding());
                socket.send_binary(&frame);
                app.bytes_sent.set(app.bytes_sent.get() + frame.len() as u64);
                sent += (frame.len() - protocol::limits::CHUNK_HEADER_BYTES) as u32;
                app.input(Input::Sent { transfer, bytes: sent });
            }
        });
    }

    /// Starts the trainer if there is none.
    pub(crate) fn start_trainer(self: &Rc<Self>) {
        if self.link.borrow().is_some() {
            return;
        }
        self.trainer.set(TrainerState::Loading);
        let app = Rc::clone(self);
        let started = TrainerLink::start(move |event| match event {
            TrainerEvent::Ready => {
                app.trainer.set(TrainerState::Ready);
                app.show();
            }
            TrainerEvent::Step(progress) => app.progress(&progress),
            TrainerEvent::Crashed(message) => {
                app.trainer.set(TrainerState::Failed);
                app.notice("warning", "trainer_crashed", &message);
            }
        });
        match started {
            Ok(link) => {
                self.link.replace(Some(Rc::new(link)));
                self.prepare_trainer();
            }
            Err(failure) => {
                self.trainer.set(TrainerState::Failed);
                self.notice("error", failure.code, &failure.message);
            }
        }
    }

    /// Throws a trainer away; the next job starts another.
    fn drop_trainer(&self) {
        self.prepared.replace(None);
        self.trainer.set(TrainerState::Absent);
        drop(self.link.take());
    }

    /// Asks the trainer which processor it will use.
    pub(crate) fn prepare_trainer(self: &Rc<Self>) {
        let app = Rc::clone(self);
        spawn_local(async move {
            let prepared = app.ask::<Prepared>(&Job::Prepare { backend: app.backend() }).await;
            match prepared {
                Ok(prepared) => drop(app.prepared.replace(Some(prepared))),
                Err(failure) => app.notice("error", failure.code, &failure.message),
            }
            app.show();
        });
    }

    /// The processor to ask for.
    pub(crate) fn backend(&self) -> Choice {
        if self.gpu_failed.get() { Choice::Cpu } else { self.choice.get() }
    }

    pub(crate) async fn ask<T: serde::de::DeserializeOwned>(self: &Rc<Self>, job: &Job) -> Result<T, Failure> {
        self.start_trainer();
        let link = self.link.borrow().clone();
        let link = link.ok_or_else(|| Failure::new("trainer", "The part that trains could not be started."))?;
        let answer = link.ask(job).await;
        if answer.as_ref().is_err_and(|failure: &Failure| failure.code == "trainer_crashed") {
            self.drop_trainer();
        }
        answer
    }

    fn progress(self: &Rc<Self>, progress: &Progress) {
        if progress.tuning {
            return self.tuning_progress(&progress.step);
        }
        let Some(round) = self.training_round() else { return };
        self.input(client::progress(round, &progress.step));
    }

    pub(crate) fn training_round(&self) -> Option<protocol::Round> {
        match self.participant.borrow().as_ref()?.view().work {
            federation::Work::Training { round, .. } => Some(round),
            _ => None,
        }
    }

    fn keep_model(
        &self,
        version: ModelVersion,
        parameters: Arc<Vec<f32>>,
        standardisation: &protocol::Standardisation,
    ) {
        let standardisation = translate::standardisation(standardisation);
        let inference = self.inference(Arc::clone(&parameters), standardisation.clone());
        if let Err(failure) = &inference {
            self.notice("warning", failure.code, &failure.message);
        }
        let inference = inference.ok();
        self.model.replace(Some(SharedModel { version: version.0, parameters, standardisation, inference }));
    }

    /// The room's network.
    pub(crate) fn architecture(&self) -> Result<models::Architecture, Failure> {
        let room = self.room.borrow();
        let room = room.as_ref().ok_or_else(|| Failure::new("no_model", "Join a room first."))?;
        room.architecture.parse().map_err(|_| {
            Failure::new("trainer", format!("This page does not know the model “{}”. Reload it.", room.architecture))
        })
    }

    /// The present shared model as a job takes it.
    pub(crate) fn job_model(&self) -> Result<Model, Failure> {
        let architecture = self.architecture()?;
        let model = self.model.borrow();
        let model = model.as_ref().ok_or_else(no_model)?;
        Ok(Model {
            architecture,
            labels: self.labels().len(),
            parameters: Float32Array::from(model.parameters.as_slice()),
            standardisation: model.standardisation.clone(),
        })
    }

    fn train(self: &Rc<Self>, request: TrainRequest) {
        let number = self.job.get() + 1;
        self.job.set(number);
        self.keep_model(request.model_version, Arc::clone(&request.model), &request.standardisation);
        self.yield_to_round();
        let app = Rc::clone(self);
        spawn_local(async move {
            let mut result = app.run_round(&request).await;
            // A lost graphics processor, or too little of its memory, must not end a lesson: the processor goes on.
            let on_gpu = app.prepared.borrow().as_ref().is_none_or(|prepared| prepared.kind == Choice::Webgpu);
            if let Err(failure) = &result
                && app.backend() != Choice::Cpu
                && on_gpu
            {
                app.notice("warning", "gpu_failed", &failure.message);
                app.gpu_failed.set(true);
                app.drop_trainer();
                result = app.run_round(&request).await;
            }
            if app.job.get() != number {
                return;
            }
            match result {
                // One that was stopped is of no use to anybody.
                Ok(None) => {}
                Ok(Some(result)) => app.trained(&request, result),
                Err(failure) => {
                    app.notice("error", failure.code, &failure.message);
                    app.input(Input::TrainingFailed { reason: failure.message });
                }
            }
        });
    }

    async fn run_round(self: &Rc<Self>, request: &TrainRequest) -> Result<Option<RoundResult>, Failure> {
        let RoundWork { training, correction, .. } = RoundWork::from(request);
        let job = Job::Round {
            backend: self.backend(),
            model: self.job_model()?,
            training,
            correction: Float32Array::from(correction.as_deref().unwrap_or_default()),
            examples: Examples::pack(&self.training_clips()),
            held_back: Examples::pack(&self.held_back_clips()),
        };
        self.ask(&job).await
    }

    fn trained(self: &Rc<Self>, request: &TrainRequest, result: RoundResult) {
        self.prepared.replace(Some(result.backend.clone()));
        for input in LocalRound::from(result).into_inputs(request) {
            if let Input::Evaluated { model_version, evaluation } = &input {
                self.note_own(*model_version, evaluation);
            }
            self.input(input);
        }
    }

    fn note_own(&self, version: ModelVersion, evaluation: &Evaluation) {
        self.own.borrow_mut().insert(version.0, OwnResult { loss: evaluation.loss, accuracy: evaluation.accuracy });
    }

    fn evaluate_finished(self: &Rc<Self>) {
        let held_back = self.held_back_clips();
        if held_back.is_empty() {
            return;
        }
        let app = Rc::clone(self);
        spawn_local(async move {
            let evaluation = async {
                let model = app.job_model()?;
                let job = Job::Evaluate { backend: app.backend(), model, examples: Examples::pack(&held_back) };
                app.ask::<Option<Evaluation>>(&job).await
            };
            match evaluation.await {
                Ok(evaluation) => {
                    let version = app.model.borrow().as_ref().map(|model| ModelVersion(model.version));
                    if let (Some(model_version), Some(evaluation)) = (version, evaluation) {
                        app.note_own(model_version, &evaluation);
                        app.input(Input::Evaluated { model_version, evaluation });
                    }
                }
                Err(failure) => app.notice("warning", failure.code, &failure.message),
            }
        });
    }

    /// Shows a failure of something that nobody waits for.
    pub(crate) fn tell(&self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.notice("warning", failure.code, &failure.message);
        }
    }
}
