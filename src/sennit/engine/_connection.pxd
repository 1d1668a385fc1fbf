"""The types that make machine code of ``connection.py``."""

from sennit.engine._event cimport Chunk, Close, Failure, Message, Ping, Pong
from sennit.engine._frame cimport frame_of as encode_frame
from sennit.engine._reader cimport Reader, flag

cdef int OPEN
cdef int CLOSING
cdef int CLOSED
cdef int CLIENT
cdef int BINARY
cdef int CONTINUATION
cdef int CLOSE
cdef int CONTROL_LIMIT
cdef int PING
cdef int PONG
cdef int RSV1
cdef int TEXT


cdef class Connection:
    cdef readonly Reader reader
    cdef readonly unsigned char role
    cdef readonly unsigned char state
    cdef readonly object deflate
    cdef readonly object close_sent
    cdef readonly object close_received
    cdef object _new_mask
    cdef object _compressor
    cdef flag _streaming
    cdef flag _continuing
    cdef flag _compressing

    cpdef feed(self, bytes data)
    cpdef next_event(self)
    cdef object _control_event(self, int opcode, bytes payload)
    cdef object _closed(self, bytes payload)
    cpdef event_of(self, int opcode, bytes payload, bint final)
    cpdef fail(self, object error)
    cpdef shared_frame_sent(self)
    cdef bytes _control(self, int opcode, bytes payload)
    cdef int _check_open(self) except -1
    cdef bytes _data_frame(self, int opcode, bytes payload, bint fin)
    cdef bytes _frame(self, int opcode, bytes payload, bint fin, int rsv)
