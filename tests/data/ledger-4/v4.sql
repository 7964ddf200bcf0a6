BEGIN TRANSACTION;
CREATE TABLE campaigns (
	endpoint TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	unique_by TEXT NOT NULL, 
	region VARCHAR(10) NOT NULL, 
	phone_rule INTEGER NOT NULL, 
	template TEXT NOT NULL, 
	PRIMARY KEY (endpoint, campaign)
);
INSERT INTO "campaigns" VALUES('http://127.0.0.1:18999','purgada','[]','BR',1,'ola (pt_BR)');
INSERT INTO "campaigns" VALUES('http://127.0.0.1:18999','antiga','["Fatura", "Vencimento", "Valor", "Nota"]','BR',1,'ola (pt_BR)');
CREATE TABLE corrections (
	run VARCHAR(200) NOT NULL, 
	"row" INTEGER NOT NULL, 
	"key" VARCHAR(64), 
	origin_run VARCHAR(200) NOT NULL, 
	origin_sheet VARCHAR(64) NOT NULL, 
	origin_row INTEGER NOT NULL, 
	PRIMARY KEY (run, "row")
);
CREATE TABLE decisions (
	number INTEGER NOT NULL, 
	decided_at BIGINT NOT NULL, 
	run VARCHAR(200) NOT NULL, 
	"row" INTEGER NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	attempts INTEGER NOT NULL, 
	from_state VARCHAR(10) NOT NULL, 
	to_state VARCHAR(10) NOT NULL, 
	evidence VARCHAR(20), 
	who TEXT NOT NULL, 
	how TEXT NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE messages (
	"key" VARCHAR(64) NOT NULL, 
	endpoint TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	person VARCHAR(20) NOT NULL, 
	sender TEXT NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	request_hash VARCHAR(64) NOT NULL, 
	payload TEXT, 
	findings TEXT, 
	again_state VARCHAR(10), 
	again_findings TEXT, 
	again_sender TEXT, 
	again_sent_at BIGINT, 
	again_duration_ms INTEGER, 
	again_http_status INTEGER, 
	attempts INTEGER NOT NULL, 
	claim_run VARCHAR(200), 
	claim_host TEXT, 
	claim_pid INTEGER, 
	run VARCHAR(200), 
	chat_id TEXT, 
	chat_status TEXT, 
	evidence VARCHAR(20), 
	http_status INTEGER, 
	sent_at BIGINT, 
	duration_ms INTEGER, 
	trial BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "messages" VALUES('38ed3a1d35acceb749272eb6d8e4fca7ad9e08d08f6275c1e31e2790936586b9','http://127.0.0.1:18999','purgada','#XZGuFsI9x-EUrBw3Das','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','success','',NULL,'[["created", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170707Z-purgada-a1cc','host',17687,'20261128T170707Z-purgada-a1cc','#bt67Q_Nd79cb-ZVFQfM','OPEN','none',200,1778605627481331,3,0);
INSERT INTO "messages" VALUES('e46e08b11c4d11dbd6dfc73d31b4ba38ee4806fe3d9f38e81d6892424d2a203f','http://127.0.0.1:18999','purgada','#i9eelqd-llxB1A2BvW8','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','success','',NULL,'[["created", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170707Z-purgada-a1cc','host',17687,'20261128T170707Z-purgada-a1cc','#gNhc4ONF9T4gnRH-OQU','OPEN','none',200,1778605627483044,2,0);
INSERT INTO "messages" VALUES('00d014a751d1a5409b59358efc4afd2e77926a9285775df82fd7a41217d197c2','http://127.0.0.1:18999','purgada','#7QtNlPeimwJu17N2Shk','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','success','',NULL,'[["created", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170707Z-purgada-a1cc','host',17687,'20261128T170707Z-purgada-a1cc','#jOVoOd7vjFcebdYQrVQ','OPEN','none',200,1778605627485134,9,0);
INSERT INTO "messages" VALUES('3d04af5672fc6459d8e1447d5b4768776a3c31b7c93bd41311d0cbfcd14932f6','http://127.0.0.1:18999','purgada','#S6MtaLW1xxxJmI9RIp4','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','success','',NULL,'[["created", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170707Z-purgada-a1cc','host',17687,'20261128T170707Z-purgada-a1cc','#tXRba3ZVY-6kIND4kfM','OPEN','none',200,1778605627487501,7,0);
INSERT INTO "messages" VALUES('978724d22e38583bf5b11223fdbd72156cd8e1e7ddefdad95fa2fa85fc7cfb9a','http://127.0.0.1:18999','purgada','#cknqxmzkBD55o4ZzSr0','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','success','',NULL,'[["created", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170707Z-purgada-a1cc','host',17687,'20261128T170707Z-purgada-a1cc','#pKAHwq-gSe9Y2Dl_aB8','OPEN','none',200,1778605627489176,6,0);
INSERT INTO "messages" VALUES('a2ca03aed5b7040a3a0c34e489628e7d399e03242e7d432955a0252a68aa42d4','http://127.0.0.1:18999','purgada','#YMUfFcxptl8OjDV_Jww','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','success','',NULL,'[["created", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170707Z-purgada-a1cc','host',17687,'20261128T170707Z-purgada-a1cc','#fiQT2WJB9JnxgMhjGR4','OPEN','none',200,1778605627491407,4,0);
INSERT INTO "messages" VALUES('192a1dd7d82fb25eba9040043d412c74c265b2d0877e93dfc362044f78166acb','http://127.0.0.1:18999','antiga','+5511900007001','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','reused','2ac860e262f03f0abb81a49e5c4e8eb9e5089e402ea4257bb3faf9920ff27d6e',NULL,'[["reused", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170715Z-antiga-2bb8','host',17769,'20261128T170715Z-antiga-2bb8','8e56bed2-c5a7-4955-9d14-18b1208cb91b','OPEN','known_chat',200,1795885635861048,17,0);
INSERT INTO "messages" VALUES('58aed04de093d1078f3bdcec9ea4bb1f8b51cc0231a3c1e1c3cd4bf6f36ecc83','http://127.0.0.1:18999','antiga','+5511900007002','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','reused','2632e7f25a6fdcc1a72756a0a205587096f71911040fee13490a5c0db3189a8f',NULL,'[["reused", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170715Z-antiga-2bb8','host',17769,'20261128T170715Z-antiga-2bb8','b0b5ea57-0dd8-49cc-b1c6-baa1c081a059','OPEN','known_chat',200,1795885635863815,14,0);
INSERT INTO "messages" VALUES('2398c7aeffbc7bbbd888cc22dae2d9616a3e8ebacde4bcfb2db037e25dc8cf69','http://127.0.0.1:18999','antiga','+5511900007003','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','reused','25fba717c6257c48d440af264979882a0c2f017033fabae7a59e94d978ce5433',NULL,'[["reused", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170715Z-antiga-2bb8','host',17769,'20261128T170715Z-antiga-2bb8','cd7fc684-e78e-4faf-801b-4ade5eed8dc5','OPEN','known_chat',200,1795885635864021,14,0);
INSERT INTO "messages" VALUES('fdfbef368cc50dd93969deced8d93d22f19e878f772d5f71df73f7e99e7db953','http://127.0.0.1:18999','antiga','+5511900007004','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','reused','212027825d418c0e63953290a1cce38ac06d54b6ecab9b986b1b359f457dd502',NULL,'[["reused", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170715Z-antiga-2bb8','host',17769,'20261128T170715Z-antiga-2bb8','61e31c04-5a20-4e8b-a5f7-d7fd06319be7','OPEN','known_chat',200,1795885635878170,12,0);
INSERT INTO "messages" VALUES('5b2c6b0995122858602f1cb5cf7f4d550acb2678797b2a423ece4de46d3614f2','http://127.0.0.1:18999','antiga','+541123456789','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','reused','c5f5cb8fb4ef4cf10bd054421684ce3b9632e70ebbb3558094aec07c763c810a',NULL,'[["reused", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170715Z-antiga-2bb8','host',17769,'20261128T170715Z-antiga-2bb8','ccee1e92-2af2-4003-b319-0431e0ec573b','OPEN','known_chat',200,1795885635889109,2,0);
INSERT INTO "messages" VALUES('cc1377ef4fb19db8695bcd4de55e800429031b64e2d44bf7ae39cbdaefccda29','http://127.0.0.1:18999','antiga','+5491123451111','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c','reused','c84995e0f15cea7f43c89c145fb34695540a0534f38e3a807a6b4c0f2b6a4409',NULL,'[["reused", {}]]',NULL,NULL,NULL,NULL,NULL,NULL,1,'20261128T170715Z-antiga-2bb8','host',17769,'20261128T170715Z-antiga-2bb8','06da496d-4385-4657-b6a5-33d331d29ece','OPEN','known_chat',200,1795885635890122,1,0);
CREATE TABLE meta (
	name VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('ledger_id','9057d135f14e47a3a67117d5b936743b');
INSERT INTO "meta" VALUES('schema_version','4');
INSERT INTO "meta" VALUES('counter','2');
INSERT INTO "meta" VALUES('secret','52049c9568cd21d197bd137e07197062c6f25dea51511b879c6676ed403e47bf');
INSERT INTO "meta" VALUES('purged','2026-11-28T17:07:12+00:00');
CREATE TABLE rows (
	run VARCHAR(200) NOT NULL, 
	"row" INTEGER NOT NULL, 
	"key" VARCHAR(64), 
	person VARCHAR(20), 
	outcome VARCHAR(10), 
	findings TEXT, 
	notes TEXT, 
	duplicate_of INTEGER, 
	PRIMARY KEY (run, "row"), 
	FOREIGN KEY(run) REFERENCES runs (run)
);
INSERT INTO "rows" VALUES('20261128T170707Z-purgada-a1cc',2,'38ed3a1d35acceb749272eb6d8e4fca7ad9e08d08f6275c1e31e2790936586b9',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170707Z-purgada-a1cc',3,'e46e08b11c4d11dbd6dfc73d31b4ba38ee4806fe3d9f38e81d6892424d2a203f',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170707Z-purgada-a1cc',4,'00d014a751d1a5409b59358efc4afd2e77926a9285775df82fd7a41217d197c2',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170707Z-purgada-a1cc',5,'3d04af5672fc6459d8e1447d5b4768776a3c31b7c93bd41311d0cbfcd14932f6',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170707Z-purgada-a1cc',6,'978724d22e38583bf5b11223fdbd72156cd8e1e7ddefdad95fa2fa85fc7cfb9a',NULL,NULL,NULL,'[["note_landline", {"found": "…"}]]',NULL);
INSERT INTO "rows" VALUES('20261128T170707Z-purgada-a1cc',7,'a2ca03aed5b7040a3a0c34e489628e7d399e03242e7d432955a0252a68aa42d4',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170715Z-antiga-2bb8',2,'192a1dd7d82fb25eba9040043d412c74c265b2d0877e93dfc362044f78166acb','+5511900007001',NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170715Z-antiga-2bb8',3,'58aed04de093d1078f3bdcec9ea4bb1f8b51cc0231a3c1e1c3cd4bf6f36ecc83','+5511900007002',NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170715Z-antiga-2bb8',4,'2398c7aeffbc7bbbd888cc22dae2d9616a3e8ebacde4bcfb2db037e25dc8cf69','+5511900007003',NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170715Z-antiga-2bb8',5,'fdfbef368cc50dd93969deced8d93d22f19e878f772d5f71df73f7e99e7db953','+5511900007004',NULL,NULL,NULL,NULL);
INSERT INTO "rows" VALUES('20261128T170715Z-antiga-2bb8',6,'5b2c6b0995122858602f1cb5cf7f4d550acb2678797b2a423ece4de46d3614f2','+541123456789',NULL,NULL,'[["note_landline", {"found": "+54 11 2345-6789"}]]',NULL);
INSERT INTO "rows" VALUES('20261128T170715Z-antiga-2bb8',7,'cc1377ef4fb19db8695bcd4de55e800429031b64e2d44bf7ae39cbdaefccda29','+5491123451111',NULL,NULL,NULL,NULL);
CREATE TABLE run_senders (
	run VARCHAR(200) NOT NULL, 
	sender TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	achieved_rate FLOAT, 
	slowed INTEGER NOT NULL, 
	cause VARCHAR(40), 
	pending_findings TEXT, 
	PRIMARY KEY (run, sender), 
	FOREIGN KEY(run) REFERENCES runs (run)
);
INSERT INTO "run_senders" VALUES('20261128T170707Z-purgada-a1cc','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c',6,4.96108524814501379313e+02,0,NULL,'[["limit", {}]]');
INSERT INTO "run_senders" VALUES('20261128T170715Z-antiga-2bb8','0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c',6,1.71957092845893839689e+02,0,NULL,'[["limit", {}]]');
CREATE TABLE runs (
	run VARCHAR(200) NOT NULL, 
	campaign TEXT NOT NULL, 
	endpoint TEXT NOT NULL, 
	sheet_path TEXT NOT NULL, 
	sheet_sha256 VARCHAR(64) NOT NULL, 
	sheet_options TEXT NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	timezone VARCHAR(60) NOT NULL, 
	language VARCHAR(10) NOT NULL, 
	report_dir TEXT, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started BIGINT NOT NULL, 
	finished BIGINT, 
	exit_code INTEGER, 
	pending_findings TEXT, 
	attempts INTEGER NOT NULL, 
	wanted_rate FLOAT, 
	achieved_rate FLOAT, 
	trial BOOLEAN DEFAULT 0 NOT NULL, 
	purged BIGINT, 
	PRIMARY KEY (run)
);
INSERT INTO "runs" VALUES('20261128T170707Z-purgada-a1cc','purgada','http://127.0.0.1:18999','/sheets/contatos.xlsx','9724fc98e5c25cc180632fe77e4dc857d5d52ccdf546827b6b0cf26632ac34a9','{"name": "Contatos", "header_row": "1"}','0.1.0','America/Sao_Paulo','en','/sheets/reports/20261128T170707Z-purgada-a1cc','host',17687,1778605627036494,1778605627510172,0,'[["limit", {}]]',6,500.0,4.96108524814501379313e+02,0,1795885632344950);
INSERT INTO "runs" VALUES('20261128T170715Z-antiga-2bb8','antiga','http://127.0.0.1:18999','/sheets/contatos.xlsx','9724fc98e5c25cc180632fe77e4dc857d5d52ccdf546827b6b0cf26632ac34a9','{"name": "Contatos", "header_row": "1"}','0.1.0','America/Sao_Paulo','en','/sheets/reports/20261128T170715Z-antiga-2bb8','host',17769,1795885635328418,1795885635918692,0,'[["limit", {}]]',6,500.0,1.71957092845893839689e+02,0,NULL);
CREATE TABLE suppressed (
	person VARCHAR(20) NOT NULL, 
	reason TEXT NOT NULL, 
	source TEXT NOT NULL, 
	added BIGINT NOT NULL, 
	PRIMARY KEY (person)
);
INSERT INTO "suppressed" VALUES('+541155556666','x','by hand',1778605630139360);
INSERT INTO "suppressed" VALUES('+5511900007009','x','by hand',1778605630139360);
CREATE INDEX messages_by_campaign ON messages (endpoint, campaign, state);
CREATE INDEX messages_by_time ON messages (sender, sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX messages_by_moment ON messages (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX messages_by_person ON messages (person, sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX messages_by_chat ON messages (chat_id);
CREATE INDEX messages_again ON messages (again_state) WHERE again_state IS NOT NULL;
CREATE INDEX messages_by_run ON messages (run);
CREATE INDEX corrections_by_origin ON corrections (origin_sheet, origin_row);
CREATE INDEX decisions_by_key ON decisions ("key");
COMMIT;
