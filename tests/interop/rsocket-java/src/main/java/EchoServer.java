import io.netty.buffer.ByteBuf;
import io.rsocket.ConnectionSetupPayload;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.SocketAcceptor;
import io.rsocket.core.RSocketServer;
import io.rsocket.core.Resume;
import io.rsocket.exceptions.ApplicationErrorException;
import io.rsocket.exceptions.RejectedSetupException;
import io.rsocket.frame.decoder.PayloadDecoder;
import io.rsocket.transport.netty.server.CloseableChannel;
import io.rsocket.transport.netty.server.TcpServerTransport;
import io.rsocket.transport.netty.server.WebsocketServerTransport;
import io.rsocket.util.DefaultPayload;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

// The same interactions as tests/interop/rsocket/echo_server.cc.
final class EchoServer implements RSocket {
  private final RSocket client;
  private final AtomicInteger forgotten = new AtomicInteger();
  private final AtomicInteger pushed = new AtomicInteger();

  private EchoServer(RSocket client) {
    this.client = client;
  }

  static void run() throws Exception {
    // Without a copy of each payload, as its own benchmarks run it.
    SocketAcceptor acceptor = EchoServer::accept;
    CloseableChannel tcp = RSocketServer.create(acceptor)
        .payloadDecoder(PayloadDecoder.ZERO_COPY)
        .resume(new Resume().sessionDuration(Duration.ofSeconds(20)))
        .bindNow(TcpServerTransport.create("127.0.0.1", 0));
    CloseableChannel websocket = RSocketServer.create(acceptor)
        .payloadDecoder(PayloadDecoder.ZERO_COPY)
        .resume(new Resume().sessionDuration(Duration.ofSeconds(20)))
        .bindNow(WebsocketServerTransport.create("127.0.0.1", 0));
    System.out.println("tcp " + tcp.address().getPort());
    System.out.println("websocket " + websocket.address().getPort());
    while (System.in.read() >= 0) {
      // until its end
    }
    tcp.dispose();
    websocket.dispose();
  }

  private static Mono<RSocket> accept(ConnectionSetupPayload setup, RSocket client) {
    if (setup.getDataUtf8().equals("refuse me")) {
      return Mono.error(new RejectedSetupException("refused as asked"));
    }
    return Mono.just(new EchoServer(client));
  }

  @Override
  public Mono<Payload> requestResponse(Payload payload) {
    ByteBuf data = payload.sliceData();
    if (data.readableBytes() > 64) {
      return Mono.just(payload);
    }
    String text = payload.getDataUtf8();
    if (text.equals("fail")) {
      payload.release();
      return Mono.error(new ApplicationErrorException("failed as asked"));
    }
    if (text.equals("counts")) {
      payload.release();
      return Mono.just(DefaultPayload.create(forgotten.get() + " " + pushed.get()));
    }
    if (text.startsWith("size ")) {
      payload.release();
      return Mono.just(DefaultPayload.create("x".repeat(Integer.parseInt(text.substring(5)))));
    }
    if (text.startsWith("ask ")) {
      payload.release();
      return client.requestResponse(DefaultPayload.create(text.substring(4)));
    }
    return Mono.just(payload);
  }

  @Override
  public Flux<Payload> requestStream(Payload payload) {
    String[] words = payload.getDataUtf8().split(" ");
    payload.release();
    int size = words.length > 1 ? Integer.parseInt(words[1]) : 0;
    return Flux.range(0, Integer.parseInt(words[0])).map(i -> DefaultPayload.create(padded(i, size)));
  }

  private static String padded(int number, int size) {
    String text = Integer.toString(number);
    return text + " ".repeat(Math.max(0, size - text.length()));
  }

  @Override
  public Flux<Payload> requestChannel(Publisher<Payload> payloads) {
    return Flux.from(payloads);
  }

  @Override
  public Mono<Void> fireAndForget(Payload payload) {
    payload.release();
    forgotten.incrementAndGet();
    return Mono.empty();
  }

  @Override
  public Mono<Void> metadataPush(Payload payload) {
    payload.release();
    pushed.incrementAndGet();
    return Mono.empty();
  }
}
