from sennit.engine.connection import Connection as Connection
