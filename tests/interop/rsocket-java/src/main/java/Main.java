// rsocket-java, as Maven has it, in two programs:
//
//   Main server                            serves what tests/interop/rsocket/echo_server.cc serves, on
//                                          TCP and WebSocket; prints "tcp <port>" and "websocket <port>";
//                                          until its input ends
//   Main client <transport> <host> <port>  tries that server: a line "<check>: pass", "…: fail <why>" or
//                                          "…: none <why>" (it cannot) for each check

public final class Main {
  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 1 && arguments[0].equals("server")) {
      EchoServer.run();
    } else if (arguments.length == 4 && arguments[0].equals("client")) {
      Checks.run(arguments[1], arguments[2], Integer.parseInt(arguments[3]));
    } else {
      System.err.println("usage: Main server | Main client <transport> <host> <port>");
      System.exit(2);
    }
    System.exit(0);
  }
}
