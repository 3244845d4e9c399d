package vsr

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

var someClient = [16]byte{0, 1, 2, 3, 4, 5, 6, 0x87, 8, 0x49, 10, 11, 12, 13, 14, 15}

// request is a whole request frame.
func request(code wire.Code, session, number uint64, body []byte) []byte {
	p := make([]byte, HeaderSize, HeaderSize+len(body))
	PutRequest(p, RequestHeader{Client: someClient, Session: session, Request: number, Code: code}, body, nil)
	return append(p, body...)
}

func frame(t testing.TB, p []byte) Frame {
	t.Helper()
	f, n, need, err := DecodeFrame(p, FrameMaxDefault)
	if n != len(p) || need != 0 || err != nil {
		t.Fatalf("n %d of %d, need %d, %v", n, len(p), need, err)
	}
	return f
}

func TestALoginsHeadersAreThoseOfTheRealClient(t *testing.T) {
	head, body := golden(t, "login.request_header"), golden(t, "login.request")
	f := frame(t, append(bytes.Clone(head), body...))
	if f.Command() != CommandRequest || f.Operation() != Register || f.Session() != 0 || f.Request() != 0 || !bytes.Equal(f.Body, body) {
		t.Fatalf("header %x", f.Header)
	}
	if code, err := CheckRequest(f, false); code != wire.CodeLogin || err != nil {
		t.Fatalf("code %d, %v", code, err)
	}
	ours := make([]byte, HeaderSize)
	PutRequest(ours, RequestHeader{Client: f.Client(), Code: wire.CodeLogin}, body, nil)
	if !bytes.Equal(ours, head) {
		t.Errorf("our request header\n%x", ours)
	}
	PutReply(ours, f.Handle(), wire.StatusOK, 26, 0)
	if !bytes.Equal(ours, golden(t, "login.reply_header")) {
		t.Errorf("our reply header\n%x", ours)
	}
}

func TestEvictionsAreThoseOfTheRealServer(t *testing.T) {
	f := func(name string, reason Reason, status wire.Status) {
		t.Helper()
		want := golden(t, name)
		ours := make([]byte, HeaderSize)
		PutEviction(ours, Header(want).Client(), reason)
		if !bytes.Equal(ours, want) {
			t.Errorf("%s: %x", name, ours)
		}
		if _, err := DecodeReply(frame(t, want)); err != reason || reason.Status() != status {
			t.Errorf("%s: %v, status %v", name, err, reason.Status())
		}
	}
	f("login_wrong_password.eviction", ReasonInvalidCredentials, wire.StatusInvalidCredentials)
	f("evicted_unasked.eviction", ReasonStaleClient, wire.StatusStaleClient)
	f("incompatible_protocol.eviction", ReasonIncompatibleProtocol, wire.StatusIncompatibleProtocolVersion)
}

func TestRequestHeadersCarryWhatTheirCommandNeeds(t *testing.T) {
	ping := frame(t, request(wire.CodePing, 0, 1, nil))
	if _, stamped, _ := ping.Stamp(); stamped || ping.Operation() != NonReplicated || ping.Code() != wire.CodePing {
		t.Errorf("PING: %x", ping.Header)
	}
	create := frame(t, request(wire.CodeCreateStream, 17, 1, unhex(t, "066f7264657273")))
	if sum, _, ok := create.Stamp(); sum != 0x327d5d19644d82d7 || !ok || create.Operation() != CreateStream || create.Session() != 17 {
		t.Errorf("CREATE_STREAM: %x", create.Header)
	}
	send := frame(t, request(wire.CodeSendMessages, 17, 2, []byte("body")))
	if _, stamped, _ := send.Stamp(); stamped || send.Operation() != SendMessages || send.Request() != 2 {
		t.Errorf("SEND_MESSAGES: %x", send.Header)
	}
	logout := frame(t, request(wire.CodeLogout, 17, 3, nil))
	if sum, _, _ := logout.Stamp(); sum != 0x2d06800538d394c2 || logout.Operation() != Logout {
		t.Errorf("LOGOUT: %x", logout.Header)
	}
}

func TestDecodeFrameOutcomes(t *testing.T) {
	whole := request(wire.CodeCreateStream, 1, 1, make([]byte, 44)) // 300 bytes
	f := func(name string, p []byte, max, n, need int, want error) {
		t.Helper()
		_, gotN, gotNeed, err := DecodeFrame(p, max)
		if gotN != n || gotNeed != need || !errors.Is(err, want) {
			t.Errorf("%s: n %d, need %d, %v", name, gotN, gotNeed, err)
		}
	}
	f("nothing", nil, 1000, 0, 256, nil)
	f("header cut", whole[:255], 1000, 0, 256, nil)
	f("body cut", whole[:299], 1000, 0, 300, nil)
	f("whole", whole, 1000, 300, 0, nil)
	f("whole and more", append(bytes.Clone(whole), 1, 2, 3), 1000, 300, 0, nil)
	f("as large as allowed", whole, 300, 300, 0, nil)
	f("larger than allowed", whole, 299, 0, 0, ErrFrameSize)
	broken := func(pos int, v byte) []byte { p := bytes.Clone(whole); p[pos] = v; return p }
	f("size below the header's", broken(sizePos+1, 0), 1000, 0, 0, ErrFrameSize)
	f("size of gigabytes", broken(sizePos+3, 255), FrameMax, 0, 0, ErrFrameSize)
	f("last known command", broken(commandPos, 29), 1000, 300, 0, nil)
	f("unknown command", broken(commandPos, 30), 1000, 0, 0, ErrUnknownCommand)
}

func TestCheckRequestNamesTheRuleThatIsBroken(t *testing.T) {
	f := func(name string, loggedIn bool, want error, p []byte) {
		t.Helper()
		if _, err := CheckRequest(frame(t, p), loggedIn); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	with := func(p []byte, pos int, v byte) []byte { p[pos] = v; return p }
	create := func(session, number uint64) []byte {
		return request(wire.CodeCreateStream, session, number, []byte("\x01a"))
	}
	raw := func(code wire.Code) []byte { // as a read, whatever it is
		p := request(wire.CodePing, 0, 1, nil)
		put32(p[codePos:], uint32(code))
		return p
	}
	f("good", true, nil, create(1, 1))
	f("reply on the wrong side", true, ErrNotRequest, with(create(1, 1), commandPos, byte(CommandReply)))
	noClient := create(1, 1)
	clear(noClient[clientPos:stampPos])
	f("client zero", true, wire.StatusInvalidCommand, noClient)
	f("operation zero", true, wire.StatusInvalidCommand, with(create(1, 1), operationPos, 0))
	f("operation unknown", true, wire.StatusInvalidCommand, with(create(1, 1), operationPos, 200))
	f("internal operation", true, ReasonInvalidRequestOperation, with(create(1, 1), operationPos, 64))
	f("internal operation before login", false, ReasonInvalidRequestOperation, with(create(1, 1), operationPos, 68))
	f("before login", false, ReasonNoSession, create(0, 1))
	f("send before login", false, ReasonNoSession, request(wire.CodeSendMessages, 1, 1, nil))
	f("session zero", true, wire.StatusInvalidCommand, create(0, 1))
	f("request zero", true, wire.StatusInvalidCommand, create(1, 0))
	f("login", false, nil, request(wire.CodeLogin, 0, 0, nil))
	f("login once more", true, nil, request(wire.CodeLoginWithToken, 0, 0, nil))
	f("login with a session", false, wire.StatusInvalidCommand, request(wire.CodeLogin, 1, 0, nil))
	f("login with a number", false, wire.StatusInvalidCommand, request(wire.CodeLogin, 0, 1, nil))
	f("logout of nothing", false, nil, request(wire.CodeLogout, 0, 0, nil))
	f("wrong stamp", true, wire.StatusInvalidFormat, with(create(1, 1), stampPos, 0xff))
	f("stamp with an upper half", true, wire.StatusInvalidFormat, with(create(1, 1), stampPos+15, 1))
	f("ping before login", false, nil, raw(wire.CodePing))
	f("read before login", false, wire.StatusUnauthenticated, raw(wire.CodeGetStreams))
	f("unknown read before login", false, wire.StatusUnauthenticated, raw(9999))
	f("read", true, nil, raw(wire.CodeGetStreams))
	f("wrong stamp of a read", true, wire.StatusInvalidFormat, with(raw(wire.CodeGetStreams), stampPos, 1))
	f("unknown read", true, wire.StatusInvalidCommand, raw(9999))
	f("unknown read among known ones", true, wire.StatusInvalidCommand, raw(150))
	f("read of clusters", true, wire.StatusFeatureUnavailable, raw(wire.CodeGetPollRouting))
	f("smuggled write", true, wire.StatusFeatureUnavailable, raw(wire.CodeDeleteStream))
	f("smuggled login", true, wire.StatusFeatureUnavailable, raw(wire.CodeLogin))
	f("login of old", false, ReasonMalformedLogin, raw(wire.CodeLoginUser))
	f("token login of old", true, ReasonMalformedLogin, raw(wire.CodeLoginUserWithToken))
}

func TestEveryCodeHasOneWayToArrive(t *testing.T) {
	served, own := 0, 0
	for code := range wire.Code(len(codes)) {
		switch kindOf(code) {
		case readCode, openCode:
			served++
			if OperationOf(code) != NonReplicated {
				t.Errorf("code %d is a read and has operation %v", code, OperationOf(code))
			}
		case ownCode:
			served++
			own++
			op := OperationOf(code)
			if op == NonReplicated || operations[op].code != code && code != wire.CodeLoginWithToken {
				t.Errorf("code %d has operation %v", code, op)
			}
		}
	}
	if served != 50 || own != 28 { // 48, FLUSH_UNSAVED_BUFFER and our SET_DURABILITY; 27 operations, one of them for two logins
		t.Errorf("%d codes served, %d by operations of their own", served, own)
	}
}

func TestDecodeReplyTellsHowItWent(t *testing.T) {
	reply := func(code wire.Code, status wire.Status, body string) []byte {
		p := make([]byte, HeaderSize)
		PutReply(p, Header(request(code, 1, 1, nil)).Handle(), status, len(body), 7)
		return append(p, body...)
	}
	f := func(name string, p []byte, payload string, want error) {
		t.Helper()
		got, err := DecodeReply(frame(t, p))
		if err != want || string(got) != payload {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	const ok, taken = "\x00\x00\x00\x00", "\x01\x00\x00\x00\x00\x00\x00\x00\xf4\x03\x00\x00"
	f("read", reply(wire.CodeGetStreams, 0, "body"), "body", nil)
	f("read without", reply(wire.CodePing, 0, ""), "", nil)
	f("write with payload", reply(wire.CodeCreateStream, 0, ok+"body"), "body", nil)
	f("write without", reply(wire.CodeDeleteStream, 0, ok), "", nil)
	f("send, which is not framed", reply(wire.CodeSendMessages, 0, ""), "", nil)
	f("error in the status", reply(wire.CodeCreateStream, wire.StatusStreamNameAlreadyExists, ""), "", wire.StatusStreamNameAlreadyExists)
	f("error in the result section", reply(wire.CodeCreateStream, 0, taken), "", wire.StatusStreamNameAlreadyExists)
	f("framed and empty", reply(wire.CodeDeleteStream, 0, ""), "", wire.StatusInvalidCommand)
	unknown := reply(wire.CodePing, 0, "")
	unknown[replyOperationPos] = 99
	f("unknown operation", unknown, "", wire.StatusInvalidCommand)
	f("a request", request(wire.CodePing, 0, 1, nil), "", wire.StatusInvalidCommand)
	if c := Header(reply(wire.CodePing, 0, "")).Commit(); c != 7 {
		t.Errorf("commit %d", c)
	}
}

// FuzzFrame cuts a stream of frames anywhere: whoever reads it as it comes must see the same frames.
func FuzzFrame(f *testing.F) {
	stream := append(request(wire.CodePing, 0, 1, nil), request(wire.CodeCreateStream, 1, 1, []byte("\x06orders"))...)
	f.Add(stream, uint64(1))
	f.Add(append(stream, "garbage"...), uint64(2))
	f.Add(bytes.Repeat([]byte{0xff}, 300), uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		const max = 1024
		whole, wholeErr := framesOf(t, [][]byte{stream}, max)
		rng := rand.New(rand.NewPCG(seed, 0))
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 400))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		cut, cutErr := framesOf(t, pieces, max)
		if fmt.Sprint(cutErr) != fmt.Sprint(wholeErr) || len(cut) != len(whole) {
			t.Fatalf("whole: %d frames, %v; in %d pieces: %d frames, %v", len(whole), wholeErr, len(pieces), len(cut), cutErr)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], cut[i]) {
				t.Fatalf("frame %d: %x or %x", i, whole[i], cut[i])
			}
		}
	})
}

// framesOf reads frames as they come in pieces, until the stream ends or breaks.
func framesOf(t *testing.T, pieces [][]byte, max int) (frames [][]byte, err error) {
	var buf []byte
	for _, piece := range pieces {
		buf = append(buf, piece...)
		for {
			f, n, need, err := DecodeFrame(buf, max)
			if err != nil {
				return frames, err
			}
			if need > 0 {
				if n != 0 || need <= len(buf) || need > max {
					t.Fatalf("n %d, need %d with %d bytes there, max %d", n, need, len(buf), max)
				}
				break
			}
			if n < HeaderSize || n > max || n != len(f.Header)+len(f.Body) {
				t.Fatalf("n %d, body %d", n, len(f.Body))
			}
			_, _ = CheckRequest(f, n%2 == 0) // must not panic, whatever it says
			_, _ = DecodeReply(f)
			frames = append(frames, bytes.Clone(buf[:n]))
			buf = buf[n:]
		}
	}
	return frames, nil
}
