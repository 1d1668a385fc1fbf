from sennit.engine.event import Chunk as Chunk
from sennit.engine.event import Close as Close
from sennit.engine.event import Event as Event
from sennit.engine.event import Failure as Failure
from sennit.engine.event import Message as Message
from sennit.engine.event import Ping as Ping
from sennit.engine.event import Pong as Pong
