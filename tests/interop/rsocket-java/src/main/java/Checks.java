import io.netty.buffer.Unpooled;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.SocketAcceptor;
import io.rsocket.core.RSocketConnector;
import io.rsocket.core.Resume;
import io.rsocket.transport.ClientTransport;
import io.rsocket.transport.netty.client.TcpClientTransport;
import io.rsocket.transport.netty.client.WebsocketClientTransport;
import io.rsocket.util.DefaultPayload;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.tcp.TcpClient;
import reactor.netty.http.client.HttpClient;
import reactor.util.retry.Retry;

// What its client is tried with, as in tests/interop/rsocket/node.
final class Checks {
  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private interface Check {
    // Null, or why it cannot.
    String run() throws Exception;
  }

  private final String transport;
  private final String host;
  private final int port;
  private final AtomicReference<Connection> last = new AtomicReference<>(); // to cut
  private final Map<String, Check> checks = new LinkedHashMap<>();

  private Checks(String transport, String host, int port) {
    this.transport = transport;
    this.host = host;
    this.port = port;
    checks.put("request-response", this::requestResponse);
    checks.put("error of a request", this::errorOfARequest);
    checks.put("fire-and-forget", this::fireAndForget);
    checks.put("metadata push", this::metadataPush);
    checks.put("request-stream", this::requestStream);
    checks.put("backpressure", this::backpressure);
    checks.put("request-channel", this::requestChannel);
    checks.put("server asks client", this::serverAsksClient);
    checks.put("large payloads", this::largePayloads);
    checks.put("keepalive past its lifetime", this::keepalive);
    checks.put("resumption", this::resumption);
    checks.put("lease", this::lease);
    checks.put("refused SETUP", this::refusedSetup);
    checks.put("server restart", this::serverRestart);
    checks.put("bad metadata", this::badMetadata);
    checks.put("malformed frame", this::malformedFrame);
  }

  static void run(String transport, String host, int port) {
    Checks all = new Checks(transport, host, port);
    all.checks.forEach((name, check) -> {
      String outcome;
      try {
        String why = check.run();
        outcome = why == null ? "pass" : "none " + why;
      } catch (Throwable e) {
        outcome = "fail " + String.valueOf(e.getMessage()).replace('\n', ' ');
      }
      System.out.println(name + ": " + outcome);
    });
  }

  private ClientTransport wire() {
    InetSocketAddress address = InetSocketAddress.createUnresolved(host, port);
    if (transport.equals("tcp")) {
      return TcpClientTransport.create(
          TcpClient.create().remoteAddress(() -> address).doOnConnected(last::set));
    }
    HttpClient http = HttpClient.create().remoteAddress(() -> address).doOnConnected(last::set);
    return WebsocketClientTransport.create(http, "/rsocket");
  }

  private RSocketConnector connector() {
    return RSocketConnector.create().keepAlive(Duration.ofSeconds(60), Duration.ofSeconds(180));
  }

  private RSocket connect() {
    return connector().connect(wire()).block(PATIENCE);
  }

  private static String ask(RSocket socket, String data) {
    return socket.requestResponse(DefaultPayload.create(data)).map(Payload::getDataUtf8).block(PATIENCE);
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException(what);
    }
  }

  private static void eventually(BooleanSupplier holds, String what) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!holds.getAsBoolean() && System.nanoTime() < end) {
      Thread.sleep(5);
    }
    check(holds.getAsBoolean(), what);
  }

  private static List<String> numbers(int count) {
    return IntStream.range(0, count).mapToObj(Integer::toString).collect(Collectors.toList());
  }

  // Takes what it is told to ask for.
  private static final class Taker extends BaseSubscriber<Payload> {
    final List<String> seen = new CopyOnWriteArrayList<>();
    private final int first;

    Taker(int first) {
      this.first = first;
    }

    @Override
    protected void hookOnSubscribe(Subscription subscription) {
      subscription.request(first);
    }

    @Override
    protected void hookOnNext(Payload payload) {
      seen.add(payload.getDataUtf8());
    }
  }

  private String requestResponse() {
    RSocket socket = connect();
    Payload answer = socket.requestResponse(DefaultPayload.create("ping", "meta")).block(PATIENCE);
    check(answer.getDataUtf8().equals("ping") && answer.getMetadataUtf8().equals("meta"), "the echo differs");
    socket.dispose();
    return null;
  }

  private String errorOfARequest() {
    RSocket socket = connect();
    try {
      ask(socket, "fail");
      check(false, "there was no error");
    } catch (RuntimeException e) {
      check(e.getMessage().contains("failed as asked"), "got " + e.getMessage());
    }
    socket.dispose();
    return null;
  }

  private String fireAndForget() {
    RSocket socket = connect();
    for (int i = 0; i < 10; i++) {
      socket.fireAndForget(DefaultPayload.create("x")).block(PATIENCE);
    }
    check(ask(socket, "counts").equals("10 0"), "not all came");
    socket.dispose();
    return null;
  }

  private String metadataPush() {
    RSocket socket = connect();
    socket.metadataPush(DefaultPayload.create("", "m")).block(PATIENCE);
    check(ask(socket, "counts").equals("0 1"), "it did not come");
    socket.dispose();
    return null;
  }

  private String requestStream() {
    RSocket socket = connect();
    List<String> seen = socket.requestStream(DefaultPayload.create("1000"))
        .map(Payload::getDataUtf8).collectList().block(PATIENCE);
    check(seen.equals(numbers(1000)), seen.size() + " came, or out of order");
    socket.dispose();
    return null;
  }

  private String backpressure() throws Exception {
    RSocket socket = connect();
    Taker taker = new Taker(5);
    socket.requestStream(DefaultPayload.create("100")).subscribe(taker);
    eventually(() -> taker.seen.size() == 5, taker.seen.size() + " of 5 came");
    ask(socket, "in between");
    check(taker.seen.size() == 5, "more came than were asked for");
    taker.request(10);
    eventually(() -> taker.seen.size() == 15, "the next ten did not come");
    taker.cancel();
    ask(socket, "after cancel");
    check(taker.seen.size() == 15, "more came after cancel");
    socket.dispose();
    return null;
  }

  private String requestChannel() {
    RSocket socket = connect();
    List<String> seen = socket
        .requestChannel(Flux.fromIterable(numbers(500)).map(DefaultPayload::create))
        .map(Payload::getDataUtf8).limitRate(7).collectList().block(PATIENCE);
    check(seen.equals(numbers(500)), seen.size() + " came, or out of order");
    socket.dispose();
    return null;
  }

  private String serverAsksClient() {
    RSocket socket = connector()
        .acceptor(SocketAcceptor.forRequestResponse(
            payload -> Mono.just(DefaultPayload.create("re " + payload.getDataUtf8()))))
        .connect(wire()).block(PATIENCE);
    check(ask(socket, "ask why").equals("re why"), "another answer");
    socket.dispose();
    return null;
  }

  private String largePayloads() {
    RSocket socket = connector().fragment(60_000).connect(wire()).block(PATIENCE);
    String large = "7".repeat(1 << 20);
    check(ask(socket, large).equals(large), "the echo differs");
    check(ask(socket, "size 4000000").length() == 4_000_000, "another size");
    socket.dispose();
    return null;
  }

  private String keepalive() throws Exception {
    RSocket socket = RSocketConnector.create().keepAlive(Duration.ofMillis(500), Duration.ofSeconds(4))
        .connect(wire()).block(PATIENCE);
    Taker taker = new Taker(1);
    socket.requestStream(DefaultPayload.create("1000000000 1000")).subscribe(taker);
    long end = System.nanoTime() + Duration.ofMillis(9000).toNanos();
    while (System.nanoTime() < end) {
      taker.request(50);
      Thread.sleep(20);
    }
    check(!socket.isDisposed() && !taker.isDisposed(), "it was closed");
    check(taker.seen.size() > 1000, taker.seen.size() + " came");
    taker.cancel();
    socket.dispose();
    return null;
  }

  private String resumption() throws Exception {
    RSocket socket = connector()
        .resume(new Resume().retry(Retry.fixedDelay(50, Duration.ofMillis(100))))
        .connect(wire()).block(PATIENCE);
    Taker taker = new Taker(5);
    socket.requestStream(DefaultPayload.create("100")).subscribe(taker);
    eventually(() -> taker.seen.size() == 5, "the first did not come");
    last.get().channel().close().sync();
    taker.request(10);
    eventually(() -> taker.seen.size() >= 15, taker.seen.size() + " came after it");
    check(taker.seen.equals(numbers(15)), "lost, repeated or out of order");
    socket.dispose();
    return null;
  }

  private String lease() {
    RSocket socket = connector().lease().connect(wire()).block(PATIENCE);
    // A request before the first lease is refused here, so it is asked again.
    String answer = socket.requestResponse(DefaultPayload.create("leased")).map(Payload::getDataUtf8)
        .retryWhen(Retry.fixedDelay(50, Duration.ofMillis(20))).block(PATIENCE);
    check(answer.equals("leased"), "the echo differs");
    socket.dispose();
    return null;
  }

  private String refusedSetup() {
    RSocket socket = connector().setupPayload(DefaultPayload.create("refuse me")).connect(wire()).block(PATIENCE);
    String why = "no error";
    try {
      ask(socket, "x");
    } catch (RuntimeException e) {
      why = String.valueOf(e.getMessage());
    }
    if (!why.contains("refused as asked")) {
      try {
        socket.onClose().block(PATIENCE);
      } catch (RuntimeException e) {
        why = String.valueOf(e.getMessage());
      }
    }
    check(why.contains("refused as asked"), "got " + why);
    return null;
  }

  private String serverRestart() throws Exception {
    RSocket socket = connect();
    socket.requestResponse(DefaultPayload.create("restart")).subscribe(payload -> {}, lost -> {});
    eventually(socket::isDisposed, "it was not closed");
    // A request finds no server until it is there again.
    String answer = Mono.defer(() -> connector().connect(wire()))
        .flatMap(again -> again.requestResponse(DefaultPayload.create("after")).map(Payload::getDataUtf8)
            .doFinally(end -> again.dispose()))
        .retryWhen(Retry.fixedDelay(100, Duration.ofMillis(100))).block(PATIENCE);
    check(answer.equals("after"), "the echo differs");
    return null;
  }

  private String badMetadata() {
    RSocket socket = connector().metadataMimeType("message/x.rsocket.routing.v0").connect(wire()).block(PATIENCE);
    String route = socket.requestResponse(DefaultPayload.create("route", "\u0005hello"))
        .map(Payload::getDataUtf8).block(PATIENCE);
    check(route.equals("hello"), "another route: " + route);
    String why = "no error";
    try {
      socket.requestResponse(DefaultPayload.create("route", "notifications.stream")).block(PATIENCE);
    } catch (RuntimeException e) {
      why = String.valueOf(e.getMessage());
    }
    check(why.contains("byte 0") && why.contains("sent without its length byte"), "got " + why);
    check(ask(socket, "after").equals("after"), "the connection is gone");
    socket.dispose();
    return null;
  }

  private String malformedFrame() {
    RSocket socket = connect();
    ask(socket, "first"); // only then is `last` surely this one's
    byte[] frame = {0, 0, 0, 3, 0x11, 0, (byte) 0xff, (byte) 0xff, (byte) 0xff, 1};
    if (transport.equals("tcp")) {
      last.get().channel().writeAndFlush(Unpooled.wrappedBuffer(
          Unpooled.wrappedBuffer(new byte[] {0, 0, (byte) frame.length}), Unpooled.wrappedBuffer(frame)));
    } else {
      last.get().channel().writeAndFlush(
          new io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame(Unpooled.wrappedBuffer(frame)));
    }
    String why = "no error";
    try {
      socket.onClose().block(PATIENCE);
    } catch (RuntimeException e) {
      why = String.valueOf(e.getMessage());
    }
    check(why.contains("byte 6"), "got " + why);
    return null;
  }
}
