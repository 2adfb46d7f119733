"""Flower's SecAgg+ adding up made-up updates: how long a round of it takes.

The protocol is Flower's own: `SecAggPlusWorkflow` on the server's side and `secaggplus_mod` on each client's, over as many
shares as there are clients, which is the complete graph that Chorus' masked rounds have. Between them is no network: messages
are handed over in one process, by a `Grid` of our own, and clients work side by side on all cores. That favours Flower. Clients
train nothing; each gives an array of the model's size. Lost clients answer nothing from the masked vectors on.

A round is timed from the first message to the end of the workflow, which ends in FedAvg's `aggregate_fit`. What comes out is
held against the mean of what went in. Prints one line of JSON.
"""

import argparse
import copy
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
# The largest value of an update; SecAgg+ clips to a range that is given.
LARGEST = 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--lost", type=int, default=0, help="clients that answer no more once they have given their shares")
    parser.add_argument("--values", type=int, default=1_832_004, help="float32 values of an update; those of conv")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()

    import logging

    import flwr
    import numpy as np
    from flwr.app import Context, RecordDict
    from flwr.client.mod import secaggplus_mod
    from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Stage
    from flwr.common.secure_aggregation.secaggplus_constants import Key as SecAggKey
    from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
    import flwr.compat.common.recorddict_compat as compat
    from flwr.app import ConfigRecord, Message
    from flwr.server import LegacyContext, ServerConfig, SimpleClientManager
    from flwr.server.compat.grid_client_proxy import GridClientProxy
    from flwr.server.strategy import FedAvg
    from flwr.server.workflow import SecAggPlusWorkflow
    from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key
    from flwr.serverapp import Grid
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 0
    logging.getLogger("flwr").setLevel(logging.ERROR)
    numbers = range(1, arguments.clients + 1)
    lost = set(numbers[:arguments.lost])
    random = np.random.default_rng(0)
    updates = {number: (random.random(arguments.values, np.float32) - 0.5) * LARGEST for number in numbers}
    contexts = {number: Context(1, number, {}, RecordDict(), {}) for number in numbers}

    def client(message):
        number = message.metadata.dst_node_id
        # Of its own, as it would be if it had travelled: the client's part takes it to pieces.
        message = copy.deepcopy(message)
        stage = message.content.config_records[RECORD_KEY_CONFIGS][SecAggKey.STAGE]
        if number in lost and stage in (Stage.COLLECT_MASKED_VECTORS, Stage.UNMASK):
            return None

        def train(message, _):
            result = FitRes(Status(Code.OK, ""), ndarrays_to_parameters([updates[number]]), 20, {})
            return Message(compat.fitres_to_recorddict(result, True), reply_to=message)

        return secaggplus_mod(message, contexts[number], train)

    class InOneProcess(Grid):
        """Hands messages to the clients, and their answers back."""

        def __init__(self):
            self.threads = ThreadPoolExecutor(os.cpu_count())

        def set_run(self, run):
            pass

        @property
        def run(self):
            raise NotImplementedError

        def create_message(self, *given, **named):
            raise NotImplementedError

        def get_node_ids(self):
            return list(numbers)

        def push_messages(self, messages):
            raise NotImplementedError

        def pull_messages(self, message_ids):
            raise NotImplementedError

        def send_and_receive(self, messages, *, timeout=None):
            messages = list(messages)
            for message in messages:
                message.metadata._src_node_id = 0
            return [answer for answer in self.threads.map(client, messages) if answer is not None]

    grid = InOneProcess()
    manager = SimpleClientManager()
    for number in numbers:
        manager.register(GridClientProxy(node_id=number, grid=grid, run_id=1))

    class Kept(FedAvg):
        aggregated = None

        def aggregate_fit(self, server_round, results, failures):
            parameters, metrics = super().aggregate_fit(server_round, results, failures)
            self.aggregated = parameters_to_ndarrays(parameters)[0]
            return parameters, metrics

    strategy = Kept(fraction_fit=1.0, min_fit_clients=arguments.clients, min_available_clients=arguments.clients)
    context = LegacyContext(Context(1, 0, {}, RecordDict(), {}), ServerConfig(arguments.rounds), strategy, manager)
    model = ndarrays_to_parameters([np.zeros(arguments.values, np.float32)])
    context.state.array_records[MAIN_PARAMS_RECORD] = compat.parameters_to_arrayrecord(model, keep_input=True)
    context.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord()
    # Two thirds of all have to open it, as in Chorus against an active server; the range is the updates' own.
    workflow = SecAggPlusWorkflow(1.0, 2 * arguments.clients // 3 + 1, clipping_range=LARGEST)
    seconds = []
    for number in range(1, arguments.rounds + 1):
        context.state.config_records[MAIN_CONFIGS_RECORD][Key.CURRENT_ROUND] = number
        strategy.aggregated = None
        began = time.perf_counter()
        workflow(grid, context)
        seconds.append(time.perf_counter() - began)
        if strategy.aggregated is None:
            sys.exit(f"round {number}: SecAgg+ came to no sum")
    mean = np.mean([updates[number] for number in numbers if number not in lost], axis=0)
    off = float(np.abs(strategy.aggregated - mean).max())
    if off > 1e-3:
        sys.exit(f"SecAgg+'s mean is off by {off}")
    print(json.dumps({
        "clients": arguments.clients, "lost": arguments.lost, "values": arguments.values, "round_seconds": seconds, "off": off,
        "flwr": flwr.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}))


if __name__ == "__main__":
    main()
