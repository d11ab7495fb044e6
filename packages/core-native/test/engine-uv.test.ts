// The same on the portable backend, also where it is not the default.
import './engine.test.ts'
import './engine-processes.test.ts'

process.env['CATZILLA_BACKEND'] = 'uv'
