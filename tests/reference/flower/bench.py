"""Flower's server averaging made-up updates: how long rounds take, and how much memory its process holds.

The server is Flower's own (`flwr.server.start_server`, gRPC, bidirectional streaming) with its strategy FedAvg, in a
process of its own, with no evaluation and initial parameters given. The clients are threads of one other process; each
has a gRPC channel of its own, speaks Flower's messages (`FlowerService.Join`) and answers every request to fit with one
float32 array of the model's size, without training and without unpacking what it was sent, so that next to nothing of a
round's time is theirs. A round is timed by the server's strategy, from `configure_fit` to the end of `aggregate_fit`.

Prints one line of JSON. Where the server does not get through with so many clients, the number is halved and tried again.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
MOST_MESSAGE = 536_870_912  # Flower's default


def serve(arguments):
    import flwr
    import numpy as np
    from flwr.common import ndarrays_to_parameters
    from flwr.server import ServerConfig, start_server
    from flwr.server.strategy import FedAvg

    class Timed(FedAvg):
        seconds = []

        def configure_fit(self, *given, **named):
            self.began = time.perf_counter()
            return super().configure_fit(*given, **named)

        def aggregate_fit(self, server_round, results, failures):
            aggregated = super().aggregate_fit(server_round, results, failures)
            if failures or len(results) != arguments.clients:
                sys.exit(f"round {server_round}: {len(results)} results, {len(failures)} failures: {failures[:1]}")
            self.seconds.append(time.perf_counter() - self.began)
            return aggregated

    strategy = Timed(
        fraction_fit=1.0, fraction_evaluate=0.0, min_fit_clients=arguments.clients, min_available_clients=arguments.clients,
        initial_parameters=ndarrays_to_parameters([np.zeros(arguments.values, np.float32)]))
    start_server(
        server_address=f"127.0.0.1:{arguments.port}", config=ServerConfig(num_rounds=arguments.rounds), strategy=strategy)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    times = os.times()
    versions = {"flwr": flwr.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    print(json.dumps({
        "clients": arguments.clients, "model_bytes": arguments.values * 4, "rounds": arguments.rounds,
        "round_seconds": strategy.seconds, "peak_bytes": peak, "processor_seconds": times.user + times.system, **versions,
    }), flush=True)


def client(port, answer, number):
    import grpc
    from flwr.proto.transport_pb2 import ClientMessage, Code, Parameters, Reason, Status
    from flwr.proto.transport_pb2_grpc import FlowerServiceStub
    from queue import Queue

    options = [("grpc.max_send_message_length", MOST_MESSAGE), ("grpc.max_receive_message_length", MOST_MESSAGE),
               # A connection of its own, as a laptop has.
               ("grpc.use_local_subchannel_pool", 1)]
    replies = Queue()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        grpc.channel_ready_future(channel).result(timeout=120)
        for message in FlowerServiceStub(channel).Join(iter(replies.get, None)):
            what = message.WhichOneof("msg")
            if what == "fit_ins":
                parameters = Parameters(tensors=[answer], tensor_type="numpy.ndarray")
                fit = ClientMessage.FitRes(status=Status(code=Code.OK, message=""), parameters=parameters, num_examples=20)
                replies.put(ClientMessage(fit_res=fit))
            elif what == "reconnect_ins":
                replies.put(ClientMessage(disconnect_res=ClientMessage.DisconnectRes(reason=Reason.ACK)))
                replies.put(None)
                return
            else:
                raise SystemExit(f"client {number} was asked for {what}")


def clients(arguments):
    import numpy as np
    from flwr.common import ndarrays_to_parameters

    values = (np.random.default_rng(0).random(arguments.values, np.float32) - 0.5) * 1e-4
    answer = ndarrays_to_parameters([values]).tensors[0]
    threads = [threading.Thread(target=quietly, args=(arguments.port, answer, number)) for number in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def quietly(*given):
    """A stream that the server ends is no news: whether all went well is what the server says."""
    import grpc
    try:
        client(*given)
    except grpc.RpcError as error:
        print(f"client {given[2]}: {error.code()}", file=sys.stderr)


def measure(arguments, count):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = [sys.executable, __file__, "--clients", count, "--values", arguments.values, "--rounds", arguments.rounds,
           "--port", port, "--patience", arguments.patience]
    run = lambda role, **more: subprocess.Popen([*map(str, own), "--role", role], **more)
    server = run("server", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    others = run("clients", stderr=subprocess.DEVNULL)
    try:
        said, log = server.communicate(timeout=arguments.patience)
    except subprocess.TimeoutExpired:
        return None, f"not done within {arguments.patience} s"
    finally:
        for process in (server, others):
            process.kill()
            process.wait()
    lines = [line for line in said.splitlines() if line.startswith("{")]
    return (json.loads(lines[-1]), "") if lines else (None, log.strip().splitlines()[-1] if log.strip() else "it ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--values", type=int, default=1_832_004, help="float32 values of an update; those of conv")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=int, default=300, help="seconds")
    parser.add_argument("--port", type=int)
    parser.add_argument("--role", choices=["server", "clients"])
    arguments = parser.parse_args()
    if arguments.role:
        return serve(arguments) if arguments.role == "server" else clients(arguments)
    count, failures = arguments.clients, {}
    while count > 0:
        measured, wrong = measure(arguments, count)
        if measured:
            print(json.dumps({**measured, "failed": failures}))
            return
        failures[count] = wrong
        count //= 2
    sys.exit(f"Flower's server got through with no number of clients: {failures}")


if __name__ == "__main__":
    main()
