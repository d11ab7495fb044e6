/** @type {import('../app.mjs').Route} */
export default (app) => {
  app.get('/million', function* () {
    for (let i = 0; i < 1_000_000; i++) yield `Data ${i}\n`
  })

  app.get('/endless', function* () {
    for (let i = 0; ; i++) yield `Data ${i}\n`
  })
}
